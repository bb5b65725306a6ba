"""What the comparison of hits asks for."""

from pathlib import Path

import pytest

from benchmarks.hitcost import PAIRS, Setting, requests_text, site_text
from edgefaas.config import parse_site


@pytest.mark.parametrize("setting", [setting for pair in PAIRS for setting in pair], ids=str)
def test_every_setting_is_a_site_whose_last_behaviour_covers_what_is_asked_for(
    setting: Setting, tmp_path: Path
) -> None:
    site = parse_site(site_text(setting), folder=tmp_path)
    assert len(site.behaviours) == setting.behaviours
    assert site.behaviours[-1].pattern == "*"
    assert bool(site.cache_sizes.disk_bytes) is setting.on_disk
    assert setting.hot <= setting.objects


def test_requests_say_what_they_expect() -> None:
    assert requests_text(Setting(name="a"), [7]) == "GET /o/7\n:status 200\n\n"
    conditional = Setting(name="a", conditional=True)
    assert requests_text(conditional, [7]) == 'GET /o/7\nIf-None-Match: "7"\n:status 304\n\n'
