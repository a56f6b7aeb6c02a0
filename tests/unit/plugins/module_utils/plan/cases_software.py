# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Right and wrong settings of jdk, python and pip_stack. Every secret in them is the word geheim."""

from __future__ import annotations

import typing as t

Changes = dict[str, t.Any]
D = "a" * 64

JDK_PACKAGE, JDK_THERE = {"jdk_provider": "package"}, {"jdk_provider": "preinstalled"}
PY_SOURCE, PY_PACKAGE, PY_THERE = {"python_provider": "source"}, {"python_provider": "package", "python_package": "p"}, {"python_provider": "preinstalled"}

#: Role, what is given, and how the only sentence begins.
WRONG: list[tuple[str, Changes, str]] = [
    ("jdk", {"jdk_prefix": "opt/jdk"}, "jdk_prefix is 'opt/jdk', but an absolute path was expected."),
    ("jdk", {"jdk_prefix": "/"}, "jdk_prefix is '/'"),
    ("jdk", {"jdk_prefix": "/opt/../jdk"}, "jdk_prefix is '/opt/../jdk'"),
    ("jdk", {"jdk_prefix": "/opt/jdk\n"}, "jdk_prefix is '/opt/jdk\\n'"),
    ("jdk", {"jdk_prefix": "jdk", "jdk_state": "absent"}, "jdk_prefix is 'jdk'"),
    ("jdk", {"jdk_release": "../8"}, "jdk_release is '../8'"),
    ("jdk", {"jdk_release": "8u999-b01"}, "The role does not know the digest of JDK 8u999-b01. Set jdk_archive_sha256"),
    ("jdk", {"jdk_archive_src": "https://a/b\nc"}, "jdk_archive_src is 'https://a/b\\nc', but a URL or a path was expected."),
    (
        "jdk",
        {"jdk_archive_src": "missing.tar.gz", "jdk_archive_sha256": D},
        "jdk_archive_src is 'missing.tar.gz', but there is no such file on the controller.",
    ),
    ("jdk", {"jdk_archive_sha256": "a" * 63}, "jdk_archive_sha256 is 'aaa"),
    ("jdk", {"jdk_archive_sha256": D + "\n"}, "jdk_archive_sha256 is 'aaa"),
    ("jdk", {"jdk_archive_ca_path": "ca.pem"}, "jdk_archive_ca_path is 'ca.pem'"),
    ("jdk", {"jdk_archive_username": "a\nb"}, "jdk_archive_username is 'a\\nb'"),
    ("jdk", {"jdk_archive_password": 12345678}, "jdk_archive_password must be a text of one line; it is no text, so put quotes around it."),
    ("jdk", {"jdk_archive_password": "geheim\n"}, "jdk_archive_password must be a text of one line; it is followed by a line break"),
    ("jdk", {"jdk_archive_remote_src": "yes"}, "jdk_archive_remote_src must be true or false, but it is the text 'yes'. On the command line use JSON"),
    ("jdk", {"jdk_environment": {"1A": "b"}}, "jdk_environment has '1A', which is no name of a variable"),
    ("jdk", {"jdk_environment": {"A": "b\nc"}}, "jdk_environment: A must be a text of one line."),
    ("jdk", {**JDK_PACKAGE, "jdk_package": "a\nb"}, "jdk_package is 'a\\nb', but a package's name was expected."),
    ("jdk", {**JDK_PACKAGE, "jdk_package_home": "usr/lib"}, "jdk_package_home is 'usr/lib'"),
    ("jdk", JDK_THERE, "jdk_preinstalled_home is '', but the absolute path of the JDK on the host, which jdk_provider preinstalled needs, was expected."),
    ("jdk", {"jdk_keep": -1}, "jdk_keep is '-1', but a number of at least 0 was expected."),
    ("jdk", {"jdk_provider": "rpm"}, "jdk_provider is the text 'rpm'; it must be one of archive, package, preinstalled."),
    ("jdk", {"jdk_provider": None}, "jdk_provider is given without a value (null)."),
    ("python", {"python_prefix": "opt"}, "python_prefix is 'opt'"),
    ("python", {"python_release": "3.8.1"}, "python_release is '3.8.1', but a release of CPython 3.7, for which the stack is pinned, was expected."),
    (
        "python",
        {"python_release": "3.7.17"},
        "The role knows an archive of CPython 3.7.9 only, and python_release is 3.7.17, which needs python_archive_src and",
    ),
    ("python", {"python_archive_src": "a\nb", "python_archive_remote_src": True}, "python_archive_src is 'a\\nb'"),
    ("python", {"python_archive_src": "missing"}, "python_archive_src is 'missing', but there is no such file on the controller."),
    ("python", {"python_archive_sha256": "x" * 64}, "python_archive_sha256 is 'xxx"),
    ("python", {"python_archive_root": "a/../../b"}, "python_archive_root is 'a/../../b', but a path inside the archive or nothing was expected."),
    ("python", {"python_archive_root": "/a"}, "python_archive_root is '/a'"),
    ("python", {"python_archive_packages": [True]}, "python_archive_packages: entry 1 must be a text, but it is the value 'True'."),
    ("python", {"python_archive_packages": ["a\nb"]}, "python_archive_packages: entry 1 is 'a\\nb'"),
    ("python", {"python_archive_ca_path": "x"}, "python_archive_ca_path is 'x'"),
    ("python", {"python_archive_username": "a\n"}, "python_archive_username is 'a\\n'"),
    ("python", {"python_archive_password": ["geheim"]}, "python_archive_password must be a text of one line; it is no text."),
    ("python", {**PY_SOURCE, "python_source_release": "3.7"}, "python_source_release is '3.7'"),
    ("python", {**PY_SOURCE, "python_source_src": ""}, "python_source_src is ''"),
    ("python", {**PY_SOURCE, "python_source_src": "missing"}, "python_source_src is 'missing', but there is no such file on the controller."),
    ("python", {**PY_SOURCE, "python_source_sha256": ""}, "python_source_sha256 is '', but a SHA-256, which has 64 hexadecimal digits, was expected."),
    ("python", {**PY_SOURCE, "python_source_configure_arguments": ["a\nb"]}, "python_source_configure_arguments: entry 1 is"),
    ("python", {"python_provider": "package"}, "python_package is '', but a package of your repositories that holds CPython 3.7 was expected."),
    ("python", {**PY_PACKAGE, "python_package_executable": "/usr/bin/python3.8"}, "python_package_executable is '/usr/bin/python3.8', but the path of an"),
    ("python", {**PY_THERE, "python_preinstalled_executable": "bin/python3.7"}, "python_preinstalled_executable is 'bin/python3.7'"),
    ("python", {"python_environment": {"A": ["b"]}}, "python_environment: A must be a text of one line."),
    ("python", {"python_keep": -1}, "python_keep is '-1'"),
    ("pip_stack", {"pip_stack_prefix": "stack"}, "pip_stack_prefix is 'stack'"),
    ("pip_stack", {"pip_stack_python": "python3.7"}, "pip_stack_python is 'python3.7'"),
    ("pip_stack", {"pip_stack_lock": "/nowhere/lock.txt"}, "The controller can't read the lock /nowhere/lock.txt (No such file or directory). pip_stack_lock"),
    ("pip_stack", {"pip_stack_extras": ["xgboost"]}, "The controller can't read the lock xgboost (No such file or directory)."),
    ("pip_stack", {"pip_stack_extras": [""]}, "The controller can't read the lock  (No such file"),
    ("pip_stack", {"pip_stack_uv_lock": "/nowhere"}, "The controller can't read the lock /nowhere (No such file or directory)."),
    ("pip_stack", {"pip_stack_uv": "uv"}, "pip_stack_uv is 'uv'"),
    ("pip_stack", {"pip_stack_index_url": "https://u:geheim@host /simple"}, "pip_stack_index_url holds a space, a comma or a line break"),
    ("pip_stack", {"pip_stack_index_url": "u:geheim@host"}, "pip_stack_index_url is no URL; one such as"),
    ("pip_stack", {"pip_stack_index_url": 5}, "pip_stack_index_url must be a text; put quotes around it."),
    ("pip_stack", {"pip_stack_extra_index_urls": "https://u:geheim@host"}, "pip_stack_extra_index_urls must be a list of texts."),
    ("pip_stack", {"pip_stack_extra_index_urls": ["geheim"]}, "pip_stack_extra_index_urls: entry 1 is no URL"),
    ("pip_stack", {"pip_stack_find_links": ["wheels"]}, "pip_stack_find_links: entry 1 is 'wheels', but a URL or an absolute path on the host was expected."),
    ("pip_stack", {"pip_stack_find_links": ["/a b"]}, "pip_stack_find_links: entry 1 holds a space"),
    ("pip_stack", {"pip_stack_offline": True}, "pip_stack_offline is true, but pip_stack_find_links names no place to install from."),
    ("pip_stack", {"pip_stack_ca_bundle": "ca"}, "pip_stack_ca_bundle is 'ca'"),
    ("pip_stack", {"pip_stack_environment": {"a b": "c"}}, "pip_stack_environment has 'a b'"),
    ("pip_stack", {"pip_stack_keep": -2}, "pip_stack_keep is '-2'"),
    ("pip_stack", {"pip_stack_timeout": 0}, "pip_stack_timeout is '0'"),
]

#: Settings about which nothing is said.
RIGHT: list[tuple[str, Changes]] = [
    ("jdk", {"jdk_prefix": "/srv/my jdk", "jdk_keep": 0, "jdk_environment": {"HTTPS_PROXY": "http://proxy:3128", "N": 1}}),
    ("jdk", {"jdk_release": "8u999-b01", "jdk_archive_src": "https://example.com/jdk.tar.gz", "jdk_archive_sha256": "A" * 64, "jdk_archive_password": "12345"}),
    ("jdk", {"jdk_archive_src": "/srv/missing.tar.gz", "jdk_archive_sha256": D, "jdk_archive_remote_src": True, "jdk_archive_ca_path": "/etc/ca.pem"}),
    ("jdk", {**JDK_PACKAGE, "jdk_package": "java-1.8.0", "jdk_package_home": "/usr/lib/jvm", "jdk_release": "?", "jdk_archive_sha256": "?"}),
    ("jdk", {**JDK_THERE, "jdk_preinstalled_home": "/usr/lib/jvm/java 8"}),
    ("jdk", {**JDK_THERE, "jdk_state": "absent", "jdk_archive_password": 5}),
    ("python", {"python_release": "3.7.17", "python_archive_src": "python.tar", "python_archive_sha256": D, "python_archive_root": "python/install"}),
    ("python", {"python_archive_packages": ["zstd"], "python_archive_username": "u", "python_archive_password": "p", "python_environment": {}}),
    ("python", {**PY_SOURCE, "python_source_configure_arguments": ["--with-x"], "python_release": "2"}),
    ("python", PY_PACKAGE),
    ("python", {**PY_THERE, "python_preinstalled_executable": "/opt/p 7/bin/python3.7"}),
    ("python", {**PY_THERE, "python_state": "absent"}),
    ("pip_stack", {"pip_stack_extras": ["h2o", "sklearn", "postgresql"], "pip_stack_index_url": "https://u:p@host/simple", "pip_stack_installer": "pip"}),
    ("pip_stack", {"pip_stack_offline": True, "pip_stack_find_links": ["/srv/wheels", "http://host:8080/wheels/", "file:///srv"]}),
    ("pip_stack", {"pip_stack_extra_index_urls": ["https://host/simple"], "pip_stack_uv": "/usr/bin/uv", "pip_stack_uv_lock": "/nowhere"}),
    ("pip_stack", {"pip_stack_state": "absent", "pip_stack_lock": "/nowhere"}),
]
