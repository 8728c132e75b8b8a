"""YAML that users write: found where it should be, and refused with the key, the file and the line."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, Field

from lightemma import config_files
from lightemma.config_files import config_names, find_config, load_config
from lightemma.errors import UserError


class Engine(BaseModel):
    model_config = ConfigDict(extra="forbid")

    power: int
    fuel: str = "none"


class Car(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    engine: Engine | None = None
    wheels: list[int] = []


def refusal(path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_config(path, Car)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert str(path) in sentence
    return sentence


def test_a_good_file_is_loaded(tmp_path):
    path = tmp_path / "car.yaml"
    path.write_text("# mine\nname: blue\nengine: {power: 90}\n")
    assert load_config(path, Car) == Car(name="blue", engine=Engine(power=90))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: a\n\n# a remark\nengin:\n  power: 3\n", ("line 4", "no key 'engin'", "did you mean engine?")),
        ("name: a\nengine:\n  power: 3\n  fule: gas\n", ("line 4", "no key 'engine.fule'", "did you mean fuel?")),
        ("name: a\nengine:\n  power: much\n", ("line 3", "'engine.power' is wrong", "valid integer")),
        ("name: a\nwheels: [1, 2, x]\n", ("line 2", "'wheels.2' is wrong")),
        ("engine:\n  power: 3\n", ("the key 'name' is missing; add it",)),
        ("name: a\nengine:\n  fuel: gas\n", ("line 2", "'engine.power' is missing")),
        ("name: a\nzzz: 1\n", ("line 2", "no key 'zzz'", "there are engine, name, wheels")),
    ],
)
def test_a_wrong_key_is_named_with_its_line(tmp_path, text, says):
    sentence = refusal(tmp_path / "car.yaml", text)
    for piece in says:
        assert piece in sentence


@pytest.mark.parametrize("text", ["name: [a\n", "a: b: c\n", "\tname: a\n"])
def test_what_is_no_yaml_is_named(tmp_path, text):
    assert "is not valid YAML" in refusal(tmp_path / "car.yaml", text)


@pytest.mark.parametrize("text", ["", "- name\n", "just words\n"])
def test_a_file_without_keys_is_refused(tmp_path, text):
    assert "must hold keys and values" in refusal(tmp_path / "car.yaml", text)


def test_a_yaml_that_would_run_code_is_refused(tmp_path):
    refusal(tmp_path / "car.yaml", "name: !!python/object/apply:os.getcwd []\n")


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "car.yaml").write_bytes(b"name: \xff\xfe\n")
    with pytest.raises(UserError, match=r"car\.yaml' cannot be read"):
        load_config(tmp_path / "car.yaml", Car)
    with pytest.raises(UserError, match=r"gone\.yaml' cannot be read"):
        load_config(tmp_path / "gone.yaml", Car)


def test_a_number_as_key_is_refused_with_its_line(tmp_path):
    assert "line 2: '3' is wrong" in refusal(tmp_path / "car.yaml", "name: a\n3: b\n")


def test_a_misspelt_key_is_named_rather_than_the_one_it_leaves_missing(tmp_path):
    assert "no key 'nmae'; did you mean name?" in refusal(tmp_path / "car.yaml", "nmae: a\n")


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A package with one model of its own, in place of the real one."""
    folder = tmp_path / "package" / "configs" / "models"
    folder.mkdir(parents=True)
    (folder / "both.yaml").write_text("name: shipped\n")
    (folder / "only-shipped.yaml").write_text("name: shipped\n")
    monkeypatch.setattr(config_files, "_PACKAGE", tmp_path / "package")
    return folder


def test_the_users_own_configs_are_used_before_the_shipped_ones(elsewhere, shipped):
    own = elsewhere / "configs" / "models"
    own.mkdir(parents=True)
    (own / "both.yaml").write_text("name: own\n")
    assert find_config("models", "both") == own / "both.yaml"
    assert find_config("models", "only-shipped") == shipped / "only-shipped.yaml"
    assert list(config_names("models")) == ["both", "only-shipped"]


def test_unknown_names_and_paths_have_messages_of_their_own(elsewhere, shipped):
    with pytest.raises(UserError, match=r"There is no model 'bot' in configs/models; did you mean both\?"):
        find_config("models", "bot")
    with pytest.raises(UserError, match=r"There is no file 'both\.yaml'"):
        find_config("models", "both.yaml")
    with pytest.raises(UserError, match=r"There is no benchmark 'both' in configs/benchmarks; there are none\."):
        find_config("benchmarks", "both")


class Plate(BaseModel):
    number: str = Field(default="A1", pattern=r"^[A-Z][0-9]+$", description="a capital letter and digits")


class Plated(BaseModel):
    plate: Plate = Plate()


def test_a_rule_of_writing_is_said_in_words(tmp_path):
    path = tmp_path / "car.yaml"
    path.write_text("plate:\n  number: x-9\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"line 2: 'plate.number' is wrong: .*a capital letter and digits") as caught:
        load_config(path, Plated)
    assert "A-Z" not in str(caught.value)
