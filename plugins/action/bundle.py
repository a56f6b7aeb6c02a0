# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds a bundle on the controller out of what a host's variables name, and tells how far it is."""

from __future__ import annotations

import json
import os
import platform
import typing as t

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.sparkflows.mlops.plugins.module_utils._archive.fetch import is_url
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle import advisories, archive, sbom
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle.build import Recipe, Source, build
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem, of_the_system
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import write_atomic
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip.sources import sources
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import bundle_recipe as recipes
from ansible_collections.sparkflows.mlops.plugins.plugin_utils.inventory_settings import ROLES, InventorySettings

_ARGS = ("dest", "compression", "extras", "sbom", "advisories")


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(_ARGS)

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = dict(super().run(tmp, task_vars), changed=False)
        try:
            result.update(self._built(task_vars or {}))
        except Problem as problem:
            return dict(result, failed=True, msg=str(problem))
        except OSError as error:
            sentence = "%s Check the path, the space and the permissions there." % of_the_system(error, str(self._task.args.get("dest")))
            return dict(result, failed=True, msg=sentence)
        return result

    def _built(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        args = dict(self._task.args)
        if args.get("sbom") is not None:
            args["sbom"] = boolean(args["sbom"])
        options = recipes.options(args)
        variables = InventorySettings(self, recipes.ROLES, task_vars)
        problems = variables.problems() or recipes.problems(variables.settings, platform.machine())
        if problems:
            raise Problem(" ".join(problems))
        dest = os.path.abspath(os.path.expanduser(options.dest))
        recipe = self._recipe(options, variables)
        if self._task.check_mode:
            return {"changed": True, "path": os.path.join(dest, recipe.name + archive.SUFFIXES[recipe.compression])}
        say = Display().display
        # Judged first: what is wrong with the data is known before anything is fetched.
        found = advisories.about(sbom.pins(recipe.locks), options.advisories, recipes.table_of_advisories()) if options.advisories else None
        made = build(recipe, dest, lambda text: say("bundle: %s" % text))
        return made if found is None else {**made, **self._reported(found, options.advisories, made["folder"])}

    @staticmethod
    def _reported(found: list[advisories.Advisory], source: str, folder: str) -> dict[str, t.Any]:
        """Write what is published against the pins beside the bundle, which it is no part of: it changes from day to day."""
        write_atomic(folder + ".advisories.json", advisories.as_json(found))
        write_atomic(folder + ".advisories.md", advisories.as_markdown(found, os.path.basename(source)))
        counts = {"all": len(found), "without_row": sum(one.row is None for one in found)}
        return {"advisories": counts, "advisories_report": folder + ".advisories.md"}

    def _recipe(self, options: recipes.Options, variables: InventorySettings) -> Recipe:
        settings, machine = variables.settings, platform.machine()
        wanted = {role: self._placed(source, role, variables) for role, source in recipes.archives(settings, machine).items()}
        return Recipe(
            name="sparkflows-mlops-bundle-%s-%s" % (_version(), machine),
            collection=_version(),
            architecture=machine,
            jdk=wanted["jdk"],
            python=wanted["python"],
            locks=recipes.locks(settings, options.extras),
            build_lock=recipes.build_lock(),
            code=recipes.own_code(),
            os_packages=recipes.os_packages(settings),
            sources=sources(recipes.index(settings), {**os.environ, **settings["pip_stack_environment"]}),
            compression=options.compression,
            timeout=settings["pip_stack_timeout"],
            sbom=options.sbom,
        )

    @staticmethod
    def _placed(source: Source, role: str, variables: InventorySettings) -> Source:
        return source if is_url(source.src) else source._replace(src=variables.found(role, source.src))


def _version() -> str:
    """The collection's own version, as Galaxy's manifest of an installed collection says it, or a checkout's galaxy.yml."""
    root = os.path.dirname(ROLES)
    try:
        with open(os.path.join(root, "MANIFEST.json"), encoding="utf-8") as stream:
            return str(json.load(stream)["collection_info"]["version"])
    except FileNotFoundError:
        from ansible.module_utils.common.yaml import yaml_load

        with open(os.path.join(root, "galaxy.yml"), encoding="utf-8") as stream:
            return str(yaml_load(stream)["version"])
