"""The repository behind the site's buttons: where it is on the web, found when the site is built."""

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent.parent
HOST = r"([\w-]+(?:\.[\w-]+)+)"
# As git takes them: https://user:token@host/path.git, ssh://git@host:22/path.git, git@host:path.git
ADDRESS = re.compile(rf"(?:https?://(?:[^/@]*@)?{HOST}/|(?:ssh://)?(?:[^/@]*@)?(?:ssh\.)?{HOST}(?::\d+/|[:/])/?)"
                     r"([\w.~-]+(?:/[\w.~-]+)+)/?")


def git(*arguments):
    """What git prints about the course's repository; an empty text if it fails or is not installed."""
    command = ["git", "-C", ROOT, *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def remote():
    """The address of the remote that the course is pushed to and the branch there, as git has them; empty if none."""
    top = git("rev-parse", "--show-toplevel")
    if not top or not ROOT.samefile(top):  # a copy inside of another repository
        return "", ""
    branch = git("branch", "--show-current")
    for known in ("@{upstream}", f"origin/{branch}", "origin/HEAD"):  # what is known to exist there comes first
        name, _, there = git("rev-parse", "--abbrev-ref", known).partition("/")
        if there:
            return git("remote", "get-url", name), there
    return git("remote", "get-url", "origin"), branch or "main"


def source(environ):
    """Address and branch of what is being built: from GitHub's or GitLab's variables, else from git."""
    url, branch = remote()
    if environ.get("GITHUB_REPOSITORY"):
        url = f"{environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{environ['GITHUB_REPOSITORY']}"
        # A pull request's own name, such as 12/merge, is not a branch: take the one that it goes into.
        branch = environ.get("GITHUB_BASE_REF") or environ.get("GITHUB_REF_NAME") or branch or "main"
    elif environ.get("CI_PROJECT_URL"):
        url, branch = environ["CI_PROJECT_URL"], environ.get("CI_COMMIT_REF_NAME") or branch or "main"
    return url, branch


def buttons(url, branch):
    """The theme's options for buttons that lead to `branch` of the repository at `url`.

    Empty if `url` is not on a host of GitHub or GitLab, as for a local path: no button rather than one that leads
    nowhere. The Binder button needs a host that mybinder.org builds from, and a repository in no subgroup.
    """
    match = ADDRESS.fullmatch(url)
    if not match:
        return {}
    host, path = match[1] or match[2], match[3].removesuffix(".git")
    provider = next((name for name in ("github", "gitlab") if name in host), None)
    if not provider:
        return {}
    options = {
        "repository_url": f"https://{host}/{path}", "repository_provider": provider, "path_to_docs": "book",
        "repository_branch": quote(branch),
        "use_repository_button": True, "use_issues_button": True, "use_edit_page_button": True,
    }
    if host in ("github.com", "gitlab.com") and path.count("/") == 1:
        options["launch_buttons"] = {"binderhub_url": "https://mybinder.org", "notebook_interface": "jupyterlab"}
    return options


def address(environ):
    """Where the site is published, with a slash at the end: SITE_URL if that is set, else GitHub's or GitLab's pages.

    Empty if unknown: pages then leave out what has to name the whole address.
    """
    if environ.get("SITE_URL") or environ.get("CI_PAGES_URL"):
        return (environ.get("SITE_URL") or environ["CI_PAGES_URL"]).rstrip("/") + "/"
    match = ADDRESS.fullmatch(source(environ)[0])
    host = match and (match[1] or match[2])
    if host not in ("github.com", "gitlab.com"):
        return ""
    owner, _, name = match[3].removesuffix(".git").partition("/")
    domain = f"{owner.lower()}.{host.replace('.com', '.io')}"
    return f"https://{domain}/" if name.lower() == domain else f"https://{domain}/{name}/"


def add_buttons(app, config):
    config.html_theme_options.update(buttons(*source(os.environ)))
