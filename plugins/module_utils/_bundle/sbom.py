# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The bill of materials of a bundle, in CycloneDX's JSON of version 1.6; the library C(cyclonedx-python-lib) writes it."""

from __future__ import annotations

import datetime
import hashlib
import os
import typing as t
import uuid

from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle.archive import EPOCH
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle.manifest import WHEELS, Runtime
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import digest_of
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip import requirements

#: Its path in a bundle.
NAME = "sbom.cdx.json"
# Any release of the one Python that the stack is made for; uv is a program, and its lock is for no Python in particular.
_PYTHON, _PYTHON_OF_UV = "3.7.17", "3.9.0"


def pins(locks: t.Mapping[str, str]) -> dict[str, str]:
    """The versions that the locks of a bundle pin, by normalized name."""
    found: dict[str, str] = {}
    for name, text in sorted(locks.items()):
        environment = requirements.marker_environment(_PYTHON_OF_UV if name == "uv" else _PYTHON)
        found.update((pin.name, pin.version) for pin in requirements.parse_lock(text, environment).values())
    return found


def wanted_library() -> None:
    """Raise `Problem` where the library is not there; known before anything is fetched."""
    try:
        import cyclonedx  # noqa: F401 # pylint: disable=unused-import
    except ImportError:
        raise Problem(
            "The bill of materials needs the Python package cyclonedx-python-lib, which the Python that runs Ansible on the controller lacks. Install it "
            "there, or set bundle_sbom to false."
        ) from None


def made(folder: str, name: str, version: str, runtimes: tuple[Runtime, Runtime], locks: t.Mapping[str, str]) -> str:
    """The text of the bill: JDK, Python, everything that the locks pin, and the collection's own programs, each with the SHA-256 of its file.

    Equal bundles have equal bills: the serial number is made of the components, and the time is that of all files.

    :param folder: the bundle's, with all but the bill and the manifest in it.
    :param name: the bundle's name.
    :param version: the collection's version, which is that of its programs as well.
    """
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    bill = Bom()
    jdk, python = runtimes
    bill.components.add(_component(folder, jdk.file, "jdk", jdk.release, PackageURL("generic", "", "jdk", jdk.release)))
    bill.components.add(_component(folder, python.file, "cpython", python.release, PackageURL("generic", "", "cpython", python.release)))
    versions = pins(locks)
    for wheel in sorted(os.listdir(os.path.join(folder, WHEELS))):
        of = requirements.normalized(wheel.split("-")[0])
        bill.components.add(_component(folder, "%s/%s" % (WHEELS, wheel), of, versions[of], PackageURL("pypi", "", of, versions[of])))
    for program in sorted(os.listdir(os.path.join(folder, "code"))):
        of = "sparkflows-mlops-" + program[: -len(".tar")]
        bill.components.add(_component(folder, "code/" + program, of, version, PackageURL("generic", "", of, version)))
    bill.metadata.component = Component(name=name, version=version, type=ComponentType.APPLICATION, bom_ref=name)
    bill.metadata.timestamp = datetime.datetime.fromtimestamp(EPOCH, datetime.timezone.utc)
    parts = "\n".join(sorted("%s %s" % (part.purl, next(iter(part.hashes)).content) for part in bill.components))
    bill.serial_number = uuid.UUID(bytes=hashlib.sha256(parts.encode()).digest()[:16], version=4)
    bill.register_dependency(bill.metadata.component, list(bill.components))
    return str(JsonV1Dot6(bill).output_as_string(indent=1)) + "\n"


def _component(folder: str, path: str, name: str, version: str, purl: t.Any) -> t.Any:
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.component import Component, ComponentType

    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY if path.startswith(WHEELS) else ComponentType.APPLICATION,
        purl=purl,
        bom_ref=str(purl),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest_of(os.path.join(folder, path)))],
        properties=[Property(name="sparkflows.mlops:file", value=path)],
    )
