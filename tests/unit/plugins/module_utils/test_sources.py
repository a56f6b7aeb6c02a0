# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where distributions come from, and how uv is fetched."""

from __future__ import annotations

import os

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip import requirements
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip import sources

OPTIONS = {"index_url": None, "extra_index_urls": [], "find_links": [], "offline": False, "ca_bundle": None}
TAG = "py3-none-manylinux_2_17_%s.manylinux2014_%s" % (os.uname().machine, os.uname().machine)


@pytest.fixture
def home(tmp_path):
    """A home folder with a pip configuration; nothing of the machine's own is seen."""
    folder = tmp_path / "home"
    (folder / ".config" / "pip").mkdir(parents=True)
    (tmp_path / "ca.pem").write_text("")
    (folder / ".config" / "pip" / "pip.conf").write_text(
        "[global]\nindex-url = https://me:canary@mirror.example.org/simple\nextra-index-url =\n  https://a.example.org/\n  https://b.example.org/\n"
        "trusted-host = a.example.org\ncert = %s\nproxy = http://proxy:3128\n[install]\nfind_links = /srv/wheels\n" % (tmp_path / "ca.pem")
    )
    return folder


def made(home, environment=None, **options):
    return sources.sources({**OPTIONS, **options}, {"HOME": str(home), "XDG_CONFIG_DIRS": "/nonexistent", **(environment or {})})


def test_the_machines_own_configuration(home, tmp_path):
    found = made(home)
    for environment, index, links, extra in (
        (found.for_pip(), "PIP_INDEX_URL", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"),
        (found.for_uv("/cache"), "UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_INDEX"),
    ):
        assert environment[index] == "https://me:canary@mirror.example.org/simple"
        assert environment[links].split(",")[0].split()[0] == "/srv/wheels"
        assert environment[extra] == "https://a.example.org/ https://b.example.org/"
        assert environment["https_proxy"] == "http://proxy:3128"
        assert str(tmp_path / "ca.pem") in environment.values()
        assert "a.example.org" in environment.values()


def test_a_variable_beats_a_file(home):
    assert made(home, {"PIP_INDEX_URL": "https://other.example.org/"}).index_url == "https://other.example.org/"
    assert made(home, {"PIP_CONFIG_FILE": os.devnull}).index_url is None
    assert made(home, {"PIP_CONFIG_FILE": os.devnull}).for_pip().get("PIP_INDEX_URL") is None


def test_an_option_beats_them_all(home):
    found = made(home, {"PIP_EXTRA_INDEX_URL": "https://never.example.org"}, index_url="https://mine.example.org/simple", find_links=["/mine"])
    assert (found.index_url, found.extra_index_urls, found.find_links) == ("https://mine.example.org/simple", (), ("/mine",))
    assert found.proxy == "http://proxy:3128"
    assert found.for_uv("/cache")["UV_NO_CONFIG"] == "1"


def test_find_links_beside_the_machines_index(home):
    found = made(home, find_links=["/mine"])
    assert found.find_links == ("/mine", "/srv/wheels")
    assert found.index_url is not None


def test_offline(home):
    found = made(home, offline=True, find_links=["/mine"])
    assert found.for_pip()["PIP_NO_INDEX"] == "1"
    assert "PIP_INDEX_URL" not in found.for_pip()
    assert "UV_DEFAULT_INDEX" not in found.for_uv("/cache")
    assert found.pages("uv") == []


def test_uvs_own_configuration(home):
    (home / ".config" / "uv").mkdir()
    (home / ".config" / "uv" / "uv.toml").write_text("")
    environment = made(home).for_uv("/cache")
    assert "UV_DEFAULT_INDEX" not in environment
    assert "UV_NO_CONFIG" not in environment
    assert made(home, index_url="https://x").for_uv("/cache")["UV_NO_CONFIG"] == "1"


def test_little_of_the_environment_reaches_the_installers(home):
    environment = {"https_proxy": "http://p", "NO_PROXY": "x", "PIP_TARGET": "/evil", "PYTHONPATH": "/evil", "LD_PRELOAD": "/evil", "UV_SYSTEM_PYTHON": "1"}
    found = made(home, environment)
    for result in (found.for_pip(), found.for_uv("/cache")):
        assert result["https_proxy"] == "http://p"
        assert result["NO_PROXY"] == "x"
        assert not {"PIP_TARGET", "PYTHONPATH", "LD_PRELOAD", "UV_SYSTEM_PYTHON"} & set(result)


def test_the_ca_bundle(home, tmp_path):
    (tmp_path / "other.pem").write_text("")
    assert made(home, ca_bundle=str(tmp_path / "other.pem")).for_pip()["PIP_CERT"] == str(tmp_path / "other.pem")
    assert made(home, {"PIP_CERT": str(tmp_path / "other.pem")}).for_uv("/c")["SSL_CERT_FILE"] == str(tmp_path / "other.pem")
    with pytest.raises(Problem, match="is not a file on this host"):
        made(home, ca_bundle="/nowhere.pem")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"offline": True}, "find_links only, but it is empty"),
        ({"find_links": ["relative"]}, "expected a URL or an absolute path"),
        ({"find_links": ["/a b"]}, "holds a space or a comma"),
        ({"index_url": "https://a, https://b"}, "An entry of index_url holds a space"),
    ],
)
def test_bad_options(home, options, sentence):
    with pytest.raises(Problem, match=sentence):
        made(home, {"PIP_FIND_LINKS": ""}, **options)


def test_a_broken_configuration(home):
    (home / ".config" / "pip" / "pip.conf").write_text("index-url = canary\n")
    with pytest.raises(Problem, match="pip.conf can't be read. Correct it, or name an index_url") as caught:
        made(home)
    assert "canary" not in str(caught.value)


def plain(**options):
    """Sources without the machine's own configuration."""
    return sources.sources({**OPTIONS, **options}, {"PIP_CONFIG_FILE": os.devnull})


class TestFetchUv:
    def wheel(self, make_wheel, folder, script="#!/bin/sh\necho uv 9.9.9\n", version="9.9.9"):
        wheel = make_wheel(folder, "uv", version, {"uv-%s.data/scripts/uv" % version: script}, TAG)
        return wheel, requirements.Pin("uv", version, ("sha256:" + wheel.sha256,), 1)

    def test_from_a_folder(self, tmp_path, make_wheel):
        wheel, pin = self.wheel(make_wheel, tmp_path / "wheels")
        make_wheel(tmp_path / "wheels", "uv", "9.9.8", None, TAG)
        sources.fetch_uv(plain(offline=True, find_links=[str(tmp_path / "wheels")]), pin, str(tmp_path / "tools" / "uv"))
        assert os.popen(str(tmp_path / "tools" / "uv")).read() == "uv 9.9.9\n"
        assert os.listdir(tmp_path / "tools") == ["uv"]

    @pytest.mark.parametrize("option", ["find_links", "index_url", "extra_index_urls"])
    def test_from_a_page(self, tmp_path, make_wheel, http_server, option):
        wheel, pin = self.wheel(make_wheel, tmp_path / "wheels" / "uv")
        http_server.serve_folder("/", tmp_path / "wheels")
        url = http_server.url + "/uv/" if option == "find_links" else http_server.url
        options = {option: url if option == "index_url" else [url], "offline": option == "find_links"}
        if option == "extra_index_urls":
            options["index_url"] = http_server.url + "/nothing"
        sources.fetch_uv(plain(**options), pin, str(tmp_path / "uv"))
        assert os.access(tmp_path / "uv", os.X_OK)

    def test_with_a_password(self, tmp_path, make_wheel, http_server):
        wheel, pin = self.wheel(make_wheel, tmp_path / "wheels")
        allowed = {"authorization": "Basic bWU6Y2FuYXJ5"}

        def answer(request):
            if not allowed.items() <= request.headers.items():
                return 401
            return wheel.path.read_bytes() if request.path.endswith(".whl") else b'<a href="../files/%s#sha256=x">x</a>' % wheel.path.name.encode()

        http_server.route("GET", "/*", answer)
        index = http_server.url.replace("//", "//me:canary@") + "/simple"
        sources.fetch_uv(plain(index_url=index), pin, str(tmp_path / "uv"))
        assert os.access(tmp_path / "uv", os.X_OK)
        allowed["authorization"] = "another"
        with pytest.raises(Problem, match="was found neither in find_links nor in an index") as caught:
            sources.fetch_uv(plain(index_url=index), pin, str(tmp_path / "uv2"))
        assert "canary" not in str(caught.value)

    def test_another_hash(self, tmp_path, make_wheel):
        wheel, pin = self.wheel(make_wheel, tmp_path / "wheels")
        with pytest.raises(Problem, match="has a sha256 that its lock does not list"):
            sources.fetch_uv(plain(offline=True, find_links=[str(tmp_path / "wheels")]), pin._replace(hashes=("sha256:0",)), str(tmp_path / "uv"))
        assert not (tmp_path / "uv").exists()

    def test_a_wheel_without_the_program(self, tmp_path, make_wheel):
        wheel = make_wheel(tmp_path / "wheels", "uv", "9.9.9", None, TAG)
        with pytest.raises(Problem, match="does not hold the program"):
            pin = requirements.Pin("uv", "9.9.9", ("sha256:" + wheel.sha256,), 1)
            sources.fetch_uv(plain(offline=True, find_links=[str(tmp_path / "wheels")]), pin, str(tmp_path / "uv"))
        assert os.listdir(tmp_path) == ["wheels"]

    def test_nowhere(self, tmp_path):
        pin = requirements.Pin("uv", "9.9.9", (), 1)
        with pytest.raises(Problem, match=r"looked at: http://127.0.0.1:1/uv/ \(.*Connection refused"):
            sources.fetch_uv(plain(index_url="http://127.0.0.1:1", find_links=[]), pin, str(tmp_path / "uv"))
