"""With an address of its own, the site names it: canonical links, map, pictures for sharing. Without, it leaves them out."""

import struct
import sys

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import repository


@pytest.mark.parametrize("environ, remote, address", [
    ({}, "git@github.com:Someone/course.git", "https://someone.github.io/course/"),
    ({}, "https://github.com/someone/someone.github.io", "https://someone.github.io/"),
    ({}, "https://gitlab.com/group/sub/course.git", "https://group.gitlab.io/sub/course/"),
    ({"CI_PAGES_URL": "https://pages.example.edu/course"}, "https://gitlab.example.edu/a/course", "https://pages.example.edu/course/"),
    ({"SITE_URL": "https://course.example.org"}, "git@github.com:someone/course", "https://course.example.org/"),
    ({}, "https://github.example.edu/someone/course", ""),
    ({}, "/srv/course.git", ""),
    ({}, "", ""),
])
def test_the_address_of_the_site(monkeypatch, environ, remote, address):
    monkeypatch.setattr(repository, "remote", lambda: (remote, "main"))
    assert repository.address(environ) == address


@pytest.fixture
def no_hosting(monkeypatch):
    for name in ("GITHUB_REPOSITORY", "CI_PROJECT_URL", "CI_PAGES_URL", "SITE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_with_an_address(course, no_hosting, monkeypatch):
    monkeypatch.setenv("SITE_URL", "https://example.org/course")
    code, output, ran = course.make()
    assert code == 0 and ran == set(), output
    html, site = BeautifulSoup(course.page("sums"), "html.parser"), course.root / "_build" / "html"
    assert html.find("link", rel="canonical")["href"] == "https://example.org/course/sums.html"
    picture = html.find("meta", property="og:image")["content"].removeprefix("https://example.org/course/")
    content = (site / picture).read_bytes()
    assert struct.unpack(">II", content[16:24]) == (1200, 630) and 10_000 < len(content) < 300_000
    assert "<loc>https://example.org/course/sums.html</loc>" in (site / "sitemap.xml").read_text()
    assert "404" not in (site / "sitemap.xml").read_text()
    assert "Sitemap: https://example.org/course/sitemap.xml" in (site / "robots.txt").read_text()
    lost = BeautifulSoup(course.page("404"), "html.parser")
    assert lost.find("link", rel="stylesheet")["href"].startswith("/course/_static/site.css?v=")
    assert {"/course/sums.html", "/course/index.html"} <= {a["href"] for a in lost.find_all("a", href=True)}


def test_without_an_address(course, no_hosting):
    code, output, ran = course.make()
    assert code == 0 and ran == set(), output
    html = BeautifulSoup(course.page("sums"), "html.parser")
    assert html.find("meta", property="og:title") and not html.find("link", rel="canonical")
    assert not html.find("meta", property="og:image")
    assert "Sitemap" not in (course.root / "_build" / "html" / "robots.txt").read_text()
