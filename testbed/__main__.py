# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line of the testbed: python -m testbed COMMAND."""

from __future__ import annotations

import argparse
import shutil
import sys

from testbed import artifacts, engine, hosts, images, locks, python37, runtimes, site, summary
from testbed.common import TestbedError, cache, say


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="python -m testbed", description="Docker engine, images, archives and hosts for runs against real hosts.")
    commands = top.add_subparsers(dest="command", required=True)
    part = commands.add_parser("engine", help="start the docker engine where none answers; stop it if it was started here")
    part.add_argument("action", choices=("up", "down"))
    part = commands.add_parser("images", help="make the images of the test hosts")
    part.add_argument("platforms", nargs="*", default=sorted(images.PLATFORMS), help="default: %(default)s")
    commands.add_parser("artifacts", help="make the JDK and Python archives and the wheelhouse")
    commands.add_parser("runtimes", help="make the images of test hosts that have JDK, Python and stack already; needs the archives")
    commands.add_parser("python37", help="print the path of a CPython 3.7, out of the archive, that runs on this machine")
    commands.add_parser("lock", help="compile all requirement locks anew")
    commands.add_parser("site", help="build the documentation as a site")
    part = commands.add_parser("hosts", help="start, keep or remove the hosts of a testbed")
    part.add_argument("action", choices=("up", "keep", "down"))
    part.add_argument("--name", required=True, help="name of the testbed")
    part.add_argument("--host", action="append", default=[], metavar="NAME=PLATFORM[@TAG]", help="a host to start, or to keep as an image; once for each")
    part.add_argument("--memory", default="4g", help="memory limit of each host, as docker takes it (default: %(default)s)")
    part = commands.add_parser("summary", help="print what runs on the hosts of a testbed, and score the models on them")
    part.add_argument("--name", default="quickstart", help="name of the testbed (default: %(default)s)")
    commands.add_parser("down", help="remove all testbeds and images and stop the engine if it was started here; archives stay")
    commands.add_parser("clean", help="as down, and remove all downloads and archives too")
    return top


def act(chosen: argparse.Namespace) -> None:
    """Do what the command line says."""
    match chosen.command, getattr(chosen, "action", None):
        case "engine", "up":
            engine.up()
        case "engine", "down":
            engine.down()
        case "images", _:
            for platform in chosen.platforms:
                images.ensure(platform)
        case "artifacts", _:
            artifacts.make()
        case "runtimes", _:
            runtimes.ensure()
        case "python37", _:
            print(artifacts.interpreter())
        case "lock", _:
            locks.compile_all(python37.find()[0] / "bin" / "python3.7")
        case "site", _:
            site.build()
        case "hosts", "up":
            wanted = hosts.parse(chosen.host)
            if not wanted:
                raise TestbedError("Name at least one host, like --host mlflow-a=debian-13.")
            for platform in sorted({*(value for value in wanted.values() if "@" not in value), "debian-13"}):
                images.ensure(platform)
            if set(wanted.values()) & {runtimes.name(platform) for platform in images.PLATFORMS}:
                runtimes.ensure()
            hosts.up(chosen.name, wanted, chosen.memory)
        case "hosts", "keep":
            hosts.keep(chosen.name, hosts.parse(chosen.host))
        case "hosts", "down":
            hosts.down(chosen.name)
        case "summary", _:
            summary.show(chosen.name)
        case "down", _:
            down()
            say(f"The archives stay below {artifacts.folder()}; `make clean` removes them.")
        case "clean", _:
            down()
            clean()


def down() -> None:
    """Remove all that runs; the archives stay in the cache."""
    if engine.answers():
        for name in hosts.known_testbeds():
            hosts.down(name)
        images.remove_all()
    engine.down()


def clean() -> None:
    """Remove the cache, if it is ours."""
    if not cache().exists():
        return
    if not (cache() / "CACHEDIR.TAG").exists():
        raise TestbedError(f"{cache()} does not look like the cache of this project (no CACHEDIR.TAG in it) and was left alone.")
    shutil.rmtree(cache())
    say(f"{cache()}: removed")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    try:
        act(parser().parse_args(arguments))
    except TestbedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
