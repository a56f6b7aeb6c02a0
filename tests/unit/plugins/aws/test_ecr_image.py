# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ecr_image against moto's ECR with a real registry behind it, and the real docker engine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import typing as t
import uuid
from pathlib import Path

import pytest

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws import ecr as _ecr
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws import docker
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.context import context_digest
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.docker import Docker
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import Aws
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.modules import ecr_image
from tests.unit.plugins.aws.cloud import ACCOUNT, SECRET, SESSION, Cloud, options, validated, writes

PASSWORD = ACCOUNT + "-auth-token"
POLICY = {"rules": [{"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14},
                     "action": {"type": "expire"}}]}  # fmt: skip


class Images:
    """Small images in the local engine, all under a prefix of their own, and gone at the end."""

    def __init__(self, folder: Path) -> None:
        self.prefix = "sparkflows-mlops-test-%s" % uuid.uuid4().hex[:12]
        self.folder = folder

    def context(self, content: str) -> Path:
        folder = self.folder / "context"
        folder.mkdir(exist_ok=True)
        (folder / "Dockerfile").write_text("FROM scratch\nARG WHO=nobody\nLABEL who=$WHO\nCOPY data /data\n")
        (folder / "data").write_text(content)
        return folder

    def build(self, name: str, content: str) -> str:
        reference = "%s/%s" % (self.prefix, name)
        subprocess.run(["docker", "build", "-q", "-t", reference, str(self.context(content))], check=True, capture_output=True)
        return reference

    def names(self, *words: str) -> list[str]:
        listing = subprocess.run(["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"], check=True, capture_output=True, text=True)
        return [name for name in listing.stdout.split() if any(word in name for word in words)]


@pytest.fixture
def images(tmp_path: Path, cloud_with_registry: Cloud) -> t.Iterator[Images]:
    made = Images(tmp_path)
    yield made
    left = made.names(made.prefix, cloud_with_registry.host)
    if left:
        subprocess.run(["docker", "image", "rm", "--force", *left], check=True, capture_output=True)


class Runner:
    """Runs the module's own code; `aws` is what the last run called."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.name = "mlops/test-%s" % uuid.uuid4().hex[:12]
        self.aws: t.Any = None

    def __call__(self, check: bool = False, **given: t.Any) -> dict[str, t.Any]:
        params = validated(ecr_image.argument_spec(), options(self.cloud.url, **{"name": self.name, "push_timeout": 60, **given}))
        self.aws = Aws(params)
        docker = Docker(self.aws, params["build_timeout"], params["push_timeout"])
        return _ecr.run(params, _ecr.Repository(self.aws, params["name"]), docker, check)

    def twice(self, **given: t.Any) -> dict[str, t.Any]:
        """Check, run, check again and run again; the real run's result."""
        self.cloud.requests.clear()
        foreseen = self(check=True, **given)
        assert foreseen["changed"] and not writes(self.aws)
        assert not [what for method, what in self.cloud.requests if what.startswith("/v2/")]
        done = self(**given)
        assert done["changed"] and writes(self.aws)
        assert (foreseen.get("built"), foreseen.get("pushed")) == (done.get("built"), done.get("pushed"))
        known = json.dumps(foreseen["diff"]).replace("known after the push", str(done.get("digest")))
        assert json.loads(known) == done["diff"]
        for check in (True, False):
            again = self(check=check, **given)
            assert not again["changed"] and not writes(self.aws), self.aws.calls
            assert again["diff"]["before"] == again["diff"]["after"]
            assert again.get("digest") == done.get("digest")
        return done


@pytest.fixture
def ecr(cloud_with_registry: Cloud) -> Runner:
    return Runner(cloud_with_registry)


def test_twelve_steps_with_a_built_image(ecr, images, cloud_with_registry):
    context = str(images.context("one"))
    first = ecr.twice(tag="1.0", context=context, lifecycle_policy=POLICY, tags={"team": "mlops"})
    assert first["built"] and first["pushed"] and first["previous_digest"] is None
    assert first["image_uri"] == "%s/%s@%s" % (cloud_with_registry.host, ecr.name, first["digest"])
    assert first["repository"]["scan_on_push"] is True and first["repository"]["lifecycle_policy"] == POLICY
    # Unchanged: the repository, its tags, its policy, the tag, and the tag of the context. No docker, no login.
    assert ecr.aws.calls == [
        "ecr:describe_repositories", "ecr:list_tags_for_resource", "ecr:get_lifecycle_policy", "ecr:batch_get_image", "ecr:batch_get_image",
    ]  # fmt: skip

    images.context("two")
    second = ecr.twice(tag="1.0", context=context, scan_on_push=False, lifecycle_policy={}, tags={"team": "data"})
    assert second["previous_digest"] == first["digest"] != second["digest"]
    assert (second["repository"]["scan_on_push"], second["repository"]["lifecycle_policy"], second["repository"]["tags"]) == (False, {}, {"team": "data"})

    with pytest.raises(Problem, match=r"^The repository .* still holds images, so it was not deleted\. Delete them, or give force=true"):
        ecr(check=True, state="absent")
    ecr.twice(state="absent", force=True)


def test_the_image_itself_arrives(ecr, images, cloud_with_registry):
    reference = images.build("local", "hello")
    done = ecr.twice(tag="stable", image=reference)
    assert done["pushed"] and not done["built"]
    local = subprocess.run(["docker", "image", "inspect", "-f", "{{.Id}} {{.RepoDigests}}", reference], check=True, capture_output=True, text=True).stdout
    assert done["digest"] in local


def test_an_image_that_ecr_has_needs_no_push(ecr, images):
    """A tag moves to an image that was pushed before without the engine doing anything."""
    context = str(images.context("one"))
    first = ecr(tag="1", context=context)
    images.context("two")
    ecr(tag="1", context=context)
    images.context("one")
    back = ecr.twice(tag="1", context=context)
    assert (back["digest"], back["pushed"], back["built"]) == (first["digest"], False, False)


def test_a_run_that_was_killed_after_its_push_is_completed(ecr, images, monkeypatch):
    def killed(self, tag, image):
        raise KeyboardInterrupt

    context = str(images.context("one"))
    with monkeypatch.context() as patch:
        patch.setattr(_ecr.Repository, "put_tag", killed)
        with pytest.raises(KeyboardInterrupt):
            ecr(tag="1", context=context)
    completed = ecr.twice(tag="1", context=context)
    assert (completed["built"], completed["pushed"]) == (False, False)


def test_what_a_build_is_made_of(images):
    context = images.context("one")
    base = {"context": str(context), "dockerfile": None, "build_args": None, "target": None, "platform": None}
    digest = context_digest(base)
    os.utime(context / "data", (1, 1))
    assert context_digest(base) == digest
    assert context_digest(dict(base, build_args={"WHO": "me"})) != digest
    (context / "data").chmod(0o755)
    changed = context_digest(base)
    assert changed != digest
    (context / "link").symlink_to("data")
    assert context_digest(base) not in (digest, changed)


def test_immutable_tags(ecr, images):
    context = str(images.context("one"))
    first = ecr.twice(tag="1.0", context=context, immutable_tags=True)
    images.context("two")
    sentence = r"^The tag 1\.0 of the repository %s holds another image already \(%s\), and the repository's tags are immutable\. Push under a new tag\.$" % (
        ecr.name, first["digest"]
    )  # fmt: skip
    for check in (True, False):
        with pytest.raises(Problem, match=sentence):
            ecr(check=check, tag="1.0", context=context)
        assert not writes(ecr.aws)
    assert ecr.twice(tag="1.1", context=context, immutable_tags=True)["pushed"]
    assert ecr(tag="1.0", context=context, immutable_tags=False)["changed"]


def test_encryption_cannot_change(ecr):
    ecr.twice(encryption="aes256")
    with pytest.raises(Problem, match=r"has encryption=aes256, which ECR cannot change to kms\. Delete the repository, or give what it has\.$"):
        ecr(check=True, encryption="kms")
    ecr(state="absent")
    ecr.twice(encryption="kms", kms_key="arn:aws:kms:eu-central-1:%s:key/0a1b2c3d" % ACCOUNT)
    assert ecr(encryption="kms", kms_key="0a1b2c3d")["changed"] is False


def test_one_tag_is_removed(ecr, images):
    """The tag that the module made itself goes with the last one that somebody gave."""
    context = str(images.context("one"))
    ecr(tag="a", context=context)
    ecr(tag="b", context=context)
    removed = ecr.twice(state="absent", tag="a")
    assert "b" in removed["diff"]["after"]["tags_of_the_image"]
    assert ecr.twice(state="absent", tag="b")["diff"]["after"]["tags_of_the_image"] == []
    assert ecr(state="absent")["changed"]


def test_the_registry_goes_away_in_the_middle_of_a_push(ecr, images, cloud_with_registry):
    context = str(images.context("one"))
    first = ecr(tag="1", context=context)
    images.context("two")
    cloud_with_registry.break_at = "/manifests/"
    with pytest.raises(Problem) as caught:
        ecr(tag="1", context=context)
    assert re.match(r"^%s/%s:context-\w{64} could not be pushed\. docker says: .* Layers that arrived are kept, so run again\.$" % (
        cloud_with_registry.host, ecr.name), str(caught.value).replace("\n", " "))  # fmt: skip
    assert any(method in ("POST", "PUT", "PATCH") and "/blobs/" in what for method, what in cloud_with_registry.requests)
    cloud_with_registry.mend()
    assert ecr(check=True, tag="1", context=context)["previous_digest"] == first["digest"]
    assert ecr.twice(tag="1", context=context)["pushed"]


def test_a_push_that_hangs_is_stopped(ecr, images, cloud_with_registry):
    """docker tries again and again when the registry goes away during a layer."""
    cloud_with_registry.break_at = "/blobs/uploads/"
    with pytest.raises(Problem, match=r"^'docker push' did not end within 3 seconds and was stopped\. Check the network"):
        ecr(tag="1", context=str(images.context("one")), push_timeout=3)


def test_a_registry_that_does_not_take_the_login(ecr, images, cloud_with_registry, monkeypatch):
    monkeypatch.setattr(_ecr.Repository, "password", lambda self: "CANARY-stale-password")
    with pytest.raises(Problem, match=r"^docker cannot log in to %s\. It says: " % cloud_with_registry.host) as caught:
        ecr(tag="1", context=str(images.context("one")))
    assert "CANARY" not in str(caught.value)


def test_ecr_has_another_image_than_was_pushed(ecr, images, monkeypatch):
    monkeypatch.setattr(_ecr.Docker, "push", lambda self, reference, password: "sha256:" + 64 * "0")
    with pytest.raises(Problem, match=r"^The image was pushed to %s:context-\w+ as sha256:0{64}, but ECR has nothing under this tag\." % ecr.name):
        ecr(tag="1", context=str(images.context("one")))


def test_an_expired_session(ecr, cloud_with_registry):
    cloud_with_registry.refuse["DescribeRepositories"] = "ExpiredTokenException"
    with pytest.raises(Problem) as caught:
        ecr()
    assert str(caught.value) == (
        "AWS refuses ecr:DescribeRepositories in eu-central-1: the session token has expired (ExpiredTokenException). Log in anew and check"
        " aws_access_key_id, aws_secret_access_key and aws_session_token, or aws_profile."
    )


def test_the_login_leaves_no_trace(ecr, images, tmp_path, monkeypatch):
    """The password is in no argument, in no configuration of the user, and in no file when the run is over."""
    config = tmp_path / "docker"
    config.mkdir()
    (config / "config.json").write_text('{"credsStore": "nowhere"}')
    monkeypatch.setenv("DOCKER_CONFIG", str(config))
    # A folder that a killed run left behind, and what this run uses.
    leftover = Path("/dev/shm" if os.access("/dev/shm", os.W_OK) else tmp_path) / (docker._SCRATCH + uuid.uuid4().hex)
    leftover.mkdir(mode=0o700)
    seen: list[t.Any] = []
    real = docker.commands.run

    def watched(argv, environment, **kwargs):
        seen.append((argv, dict(environment), kwargs.get("text")))
        if argv[1] == "push":
            folder = Path(environment["DOCKER_CONFIG"])
            assert folder.stat().st_mode & 0o777 == 0o700
            assert (folder / "config.json").stat().st_mode & 0o077 == 0 or folder.stat().st_mode & 0o077 == 0
        return real(argv, environment, **kwargs)

    monkeypatch.setattr(docker.commands, "run", watched)
    assert ecr(tag="1", context=str(images.context("one")))["pushed"]
    assert not leftover.exists()
    login = [entry for entry in seen if entry[0][1] == "login"]
    assert len(login) == 1 and login[0][2] == PASSWORD
    for argv, environment, dummy in seen:
        assert PASSWORD not in json.dumps([argv, environment])
        assert not [name for name in environment if name.startswith("AWS_")]
    assert (config / "config.json").read_text() == '{"credsStore": "nowhere"}'
    assert not any(Path(entry[1].get("DOCKER_CONFIG", "/nowhere")).exists() for entry in login)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": "Mlops"}, "name is 'Mlops'; a repository's name has 2 to 256 lower-case letters and digits, with a '.', '_', '-' or '/' between them."),
        ({"tag": "1"}, "tag goes with image or context: the image to push and the tag to push it under. Give both, or neither for the repository alone."),
        ({"tag": "context-" + 64 * "a", "image": "x"},
         "tag is 'context-" + 64 * "a" + "'; a tag has at most 128 letters, digits, '_', '.' and '-', does not begin with '.' or '-', and is not one of"
         " the tags context-<digest> that the module makes itself."),
        ({"tag": "1", "image": "--help"}, "image is '--help', which is not a valid image name. Give one such as scoring:1.0."),
        ({"tag": "1", "image": "a", "target": "b"}, "target can only be given with context."),
        ({"tag": "1", "context": "/nowhere"}, "context is /nowhere, which is not a folder where the module runs."),
        ({"kms_key": "k"}, "kms_key goes with encryption=kms only; encryption is not given."),
        ({"kms_key": "alias/images", "encryption": "kms"}, "kms_key is 'alias/images', an alias. ECR tells a key by its ARN, so give its id or ARN."),
        ({"aws_account_id": "1234"}, "aws_account_id is '1234'; an account's number has twelve digits. Quote it in YAML, or a leading zero is lost."),
        ({"aws_region": "Frankfurt"}, "aws_region is 'Frankfurt', which is not the name of a region. Give one such as eu-central-1."),
    ],
)  # fmt: skip
def test_bad_input(ecr, cloud_with_registry, given, sentence):
    with pytest.raises(Problem) as caught:
        ecr(**given)
    assert str(caught.value) == sentence
    assert cloud_with_registry.requests == []


def test_an_image_that_is_not_there(ecr, images):
    reference = images.prefix + "/nothing:1"
    with pytest.raises(Problem) as caught:
        ecr(tag="1", image=reference)
    assert str(caught.value) == "The docker engine has no image %s. Build or pull it first, or give context to have it built." % reference
    assert not writes(ecr.aws)


def test_a_build_that_fails(ecr, images):
    context = images.context("one")
    (context / "Dockerfile").write_text("FROM scratch\nCOPY nothing /\n")
    with pytest.raises(Problem, match=r"^The image could not be built from %s\. The end of what docker says:\n" % context):
        ecr(tag="1", context=str(context))


def test_no_engine(ecr, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(Problem, match=r"^The docker engine cannot be reached where the module runs\. Start it, or check DOCKER_HOST"):
        ecr(tag="1", image="scratchpad")


def test_through_ansible(run_module, images, cloud_with_registry, ecr):
    arguments = options(cloud_with_registry.url, name=ecr.name, tag="1", context=str(images.context("one")))
    result, output = run_module("ecr_image", arguments, "--diff", "-vvv")
    assert (result["changed"], result["built"], result["pushed"]) == (True, True, True)
    assert re.fullmatch("sha256:[0-9a-f]{64}", result["digest"])
    for secret in (SECRET, SESSION, PASSWORD):
        assert secret not in output
    assert "WARNING" not in output
    again = run_module("ecr_image", arguments, "--check").result
    assert (again["changed"], again["digest"]) == (False, result["digest"])
