"""``[kv.NAME]``: what a site says about key-value namespaces, and how a wrong one is refused."""

from pathlib import Path

import pytest

from edgefaas.config import parse_site
from edgefaas.control.plain import from_plain, to_plain
from edgefaas.errors import ConfigError
from edgefaas.functions import read_function, read_spec
from edgefaas.site import KvNamespace, Site

FUNCTIONS = '[functions.f]\nsource = "f.js"\n[functions.g]\nsource = "g.js"\n'


def site(text: str, folder: Path = Path("/srv/site")) -> Site:
    return parse_site(text, folder=folder)


def test_a_namespace_has_defaults_and_a_site_without_any_has_none() -> None:
    assert site("[kv.a]\n").kv == {"a": KvNamespace(name="a")}
    assert site("").kv == {}


def test_every_key_of_a_namespace_is_read_and_survives_the_channel(tmp_path: Path) -> None:
    (tmp_path / "seed.json").write_text("{}")
    read = site(
        FUNCTIONS
        + '[kv.a]\nid = "abc"\nreaders = ["f"]\nwriters = ["*"]\nimport = "seed.json"\n'
        + "max_mb = 2\nmax_value_kb = 3\nwrites_per_second = 0.5\n",
        tmp_path,
    )
    assert read.kv["a"] == KvNamespace(
        name="a",
        ids=("abc",),
        readers=("f",),
        writers=("*",),
        value_bytes_max=3 << 10,
        bytes_max=2 << 20,
        writes_per_s=0.5,
        seed=tmp_path / "seed.json",
    )
    assert from_plain(Site, to_plain(read)) == read


def test_with_aws_the_defaults_are_cloudfronts_quotas() -> None:
    limits = site('[site]\ncompatibility = "aws"\n[kv.a]\n').kv["a"]
    assert (limits.key_bytes_max, limits.value_bytes_max, limits.bytes_max) == (512, 1024, 5 << 20)


def test_limits_are_allowed_up_to_their_ends() -> None:
    for line in ("max_mb = 1", "max_mb = 4096", "max_value_kb = 8192", "writes_per_second = 10000"):
        site(f"[kv.a]\n{line}\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[kv.a]\nmax_mb = 0\n", "line 2: kv.a.max_mb is 0"),
        ("[kv.a]\nmax_mb = 4097\n", "kv.a.max_mb is 4097"),
        ("[kv.a]\nmax_value_kb = 8193\n", "kv.a.max_value_kb is 8193"),
        ("[kv.a]\nwrites_per_second = 0\n", "kv.a.writes_per_second is 0"),
        ("[kv.a]\nwriter = []\n", "kv.a.writer is not a key"),
        ('[kv.a]\nwriters = ["h"]\n', 'kv.a.writers holds "h", which'),
        ('[kv.a]\nimport = "missing.json"\n', 'kv.a.import is "missing.json", which is no file'),
        ('[kv.a]\nid = "a b"\n', "kv.a.id is 'a b'"),
        ('[kv.a]\nid = "b"\n[kv.b]\n', 'kv.a.id is "b", as [kv.b] is called'),
        ('[kv.a]\nid = "x"\n[kv.b]\nid = "x"\n', 'line 4: kv.b.id is "x", as [kv.a] is called'),
        ('[kv."a/b"]\n', "is not a name"),
        ('[functions.f]\nsource = "f.js"\nkv = "a"\n', 'line 3: functions.f.kv is "a", which [kv] does not'),
        ('[functions.f]\nsource = "f.js"\nkv = [1]\n[kv.a]\n', "functions.f.kv holds 1"),
        ('[functions.f]\nsource = "f.js"\nkv = 7\n[kv.a]\n', "functions.f.kv is 7"),
    ],
)
def test_a_wrong_namespace_is_refused_with_its_place_and_a_remedy(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        site(text)
    assert words in str(refused.value)
    assert refused.value.remedy.endswith(".")


def test_what_the_site_says_of_a_functions_namespaces_goes_over_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "index.js").write_text("exports.handler = async () => null")
    own = read_function(tmp_path / "f")
    assert own.kv == ()
    (tmp_path / "f" / "function.toml").write_text('kv = "own"\n')
    named = read_function(tmp_path / "f")
    assert named.kv == ("own",)
    assert named.version != own.version
    for said, found in (("", ("own",)), ('kv = ["b", "a"]', ("b", "a")), ("kv = []", ())):
        read = site(f'[kv.a]\n[kv.b]\n[functions.f]\nsource = "f"\n{said}\n', tmp_path)
        assert read_spec(read.functions["f"]).kv == found
    assert (
        read_spec(site('[functions.f]\nsource = "f"\nkv = []\n', tmp_path).functions["f"]).version
        == own.version
    )
