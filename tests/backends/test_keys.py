import json
from dataclasses import fields, replace
from pathlib import PurePosixPath, PureWindowsPath
from types import MappingProxyType

import pytest
from hostile import TEXTS
from hypothesis import given
from hypothesis import strategies as st

from dca.backends.keys import file_name, request_key, text_hash
from dca.errors import InputError
from dca.messages import Message, Request

messages = st.lists(st.builds(Message, st.sampled_from(("user", "assistant")), TEXTS), max_size=3).map(tuple)
schemas = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
).map(lambda value: {"is": value})
VALUES = {
    "system": TEXTS,
    "messages": messages,
    "schema": schemas,
    "max_tokens": st.integers(1, 9999),
    "effort": st.sampled_from(("off", "low", "medium", "high")),
    "sample": st.integers(0, 9),
}
requests = st.builds(Request, case=TEXTS, **VALUES)


def spelled(value: object) -> str:
    """What tells two values apart: True is not 1, and the order of keys is nothing."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=repr)


def test_every_field_of_a_request_is_accounted_for() -> None:
    """A field that is added to Request must be added to its key, or excused here."""
    assert {field.name for field in fields(Request)} == {*VALUES, "case"}


@given(requests, st.sampled_from(sorted(VALUES)), st.data())
def test_any_change_of_any_field_changes_the_key(request_: Request, name: str, data: st.DataObject) -> None:
    """Two requests that differ in anything but the case have different keys."""
    other = replace(request_, **{name: data.draw(VALUES[name])})
    same = spelled(getattr(other, name)) == spelled(getattr(request_, name))
    assert (request_key(request_, "x") == request_key(other, "x")) == same


@given(requests, TEXTS)
def test_the_case_changes_nothing(request_: Request, case: str) -> None:
    """The case is a name for people."""
    assert request_key(request_, "x") == request_key(replace(request_, case=case), "x")


@given(requests, TEXTS, TEXTS)
def test_who_is_asked_is_part_of_the_key(request_: Request, one: str, other: str) -> None:
    """The same question to another backend is another question."""
    assert (request_key(request_, one) == request_key(request_, other)) == (one == other)


@given(requests)
def test_the_order_of_schema_keys_changes_nothing(request_: Request) -> None:
    """A schema is a JSON object, whatever mapping holds it and in whatever order."""
    schema = {"b": {"d": 1, "c": (1, 2)}, "a": request_.schema}
    turned = MappingProxyType({"a": MappingProxyType(dict(request_.schema)), "b": {"c": [1, 2], "d": 1}})
    assert request_key(replace(request_, schema=schema), "") == request_key(replace(request_, schema=turned), "")


def test_lone_surrogates_are_told_apart() -> None:
    """Two in a row are not the character that JSON escapes would make of them, and none is a question mark."""
    systems = ("\ud83d\ude00", "\U0001f600", "\ud83d", "\ude00", "?")
    assert len({request_key(Request(system=each, messages=(), schema={}), "") for each in systems}) == 5
    assert len({text_hash(each) for each in systems}) == 5


@pytest.mark.parametrize("schema", [{"a": {1, 2}}, {"a": float("nan")}, {"a": object()}, {("a",): 1}])
def test_a_schema_that_is_not_json_is_refused(schema: dict) -> None:
    """What cannot be written down cannot be a key."""
    with pytest.raises(InputError, match="plain JSON"):
        request_key(Request(system="", messages=(), schema=schema), "")


@given(st.text(st.characters(exclude_categories=()) | st.sampled_from("./\\:~ \0"), max_size=300))
def test_a_file_name_is_one_visible_piece_of_a_path(label: str) -> None:
    """Whatever a case is called, its name stays inside its folder, on any system."""
    name = file_name(label)
    assert PurePosixPath(name).parts == PureWindowsPath(name).parts == (name,)
    assert name[0] not in "._-"
    assert name[-1] != "."
    assert len(name.encode()) <= 110


@pytest.mark.parametrize("label", ["CON", "nul.txt", "com1"])
def test_names_of_windows_devices_are_avoided(label: str) -> None:
    """A folder called `con` cannot be made on every system."""
    assert file_name(label) == f"case-{label}"
