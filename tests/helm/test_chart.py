"""The chart under the real Helm: rendered, held to Kubernetes' own schemas, references followed, mistakes refused."""

import json
import re
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml
from chart import CI, SOURCE, Chart, copied
from helm_binary import helm
from references import broken, of_kind, pods

KUBERNETES = ("1.32", "1.35", "1.37")
OUTSIDE = {"existing.yaml": ({"classroom-data", "robolev-data"}, {"kaga-hub"})}


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Chart:
    return copied(tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="module")
def rendered(chart: Chart) -> dict[str, list[dict[str, Any]]]:
    return {name: chart.render(name) for name in CI}


def test_lint_is_strict(chart):
    for values in CI:
        agreed, text = chart.run("lint", "--strict", "-f", str(chart.path / "ci" / values))
        assert agreed and "[ERROR]" not in text and "[WARNING]" not in text, text


@pytest.mark.parametrize("values", CI)
def test_valid_for_kubernetes(rendered, values):
    assert rendered[values]
    for version in KUBERNETES:
        for thing in rendered[values]:
            kubernetes_validate.validate(thing, version, strict=True)


def test_the_validator_sees_a_slip(rendered):
    deployment = json.loads(json.dumps(of_kind(rendered["minimal.yaml"], "Deployment")[0]))
    deployment["spec"]["replicsa"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, KUBERNETES[-1], strict=True)


@pytest.mark.parametrize("values", CI)
def test_every_reference_leads_somewhere(rendered, values):
    claims, secrets = OUTSIDE.get(values, (set(), {"hub"}))
    assert list(broken(rendered[values], claims, secrets)) == []


@pytest.mark.parametrize("values", CI)
def test_pods_get_no_more_than_they_need(rendered, values):
    for pod in pods(rendered[values]):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] > 0
        for container in spec["containers"]:
            may = container["securityContext"]
            assert may["readOnlyRootFilesystem"] and not may["allowPrivilegeEscalation"]
            assert may["capabilities"] == {"drop": ["ALL"]} and not may.get("privileged")
            for kind in ("requests", "limits"):
                assert {"cpu", "memory"} <= container["resources"][kind].keys()
            boxed = values == "everything.yaml"
            assert (may["seccompProfile"]["type"] == "RuntimeDefault") is not boxed
            assert (may.get("procMount") == "Unmasked" and spec.get("hostUsers") is False) is boxed


def test_one_writer_of_each_database(rendered):
    for deployment in of_kind(rendered["everything.yaml"], "Deployment"):
        assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]["type"]) == (1, "Recreate")


def test_the_classroom_needs_a_hub(rendered):
    assert {thing["metadata"]["name"] for thing in of_kind(rendered["scoring-only.yaml"], "Service")} == {"robolev"}
    assert "--hub" not in str(rendered["scoring-only.yaml"]) and "Secret" not in str(rendered["scoring-only.yaml"])


def test_long_release_names_fit(chart):
    text = helm("template", "r" * 53, chart.path, cwd=chart.path.parent).stdout
    found = re.findall(r"^  name: (\S+)$", text, re.MULTILINE)
    assert found and max(map(len, found)) <= 63


@pytest.mark.parametrize("wrong", [
    "nonsense=1", "image.tga=1", "sandbox.on=true", "sandbox.seccompProfile.type=RuntimeDefault", "networkPolicy.x=1",
    "roster.size=big", "classroom.gradingThreads=0", "classroom.storage.sise=1Gi", "robolev.pdb.maxUnavailable=2",
    "robolev.ingress.hosts=x", "image.digest=sha256:12", "hubSecretName=", "robolev.ingress.enabled=true",
])  # fmt: skip
def test_a_wrong_value_is_refused(chart, wrong):
    agreed, text = chart.run("template", "--set", wrong)
    assert not agreed
    assert wrong.split("=")[0].split(".")[-1] in text or wrong.split(".")[0] in text


def test_notes_tell_what_does_not_work(chart):
    agreed, text = chart.run("install", "--dry-run=client")
    assert agreed and "sandbox.enabled is false" in text and "never installed" in text
    agreed, text = chart.run("install", "--dry-run=client", "-f", str(chart.path / "ci" / "scoring-only.yaml"))
    assert agreed and "https is false" in text and "codes for desk and referee" in text


def _described(schema: dict[str, Any], where: str) -> Iterator[str]:
    for name, value in schema.get("properties", {}).items():
        if not value.get("description"):
            yield f"{where}{name}"
        yield from _described(value, f"{where}{name}.")


def test_every_value_is_described_and_has_a_default():
    schema = json.loads((SOURCE / "values.schema.json").read_text("utf-8"))
    assert list(_described(schema, "")) == []
    values = yaml.safe_load((SOURCE / "values.yaml").read_text("utf-8"))
    optional = {"global", "sandbox.seccompProfile.localhostProfile"}

    def missing(part: dict[str, Any], given: dict[str, Any], where: str) -> Iterator[str]:
        for name, value in part.get("properties", {}).items():
            if where + name in optional:
                continue
            if name not in given:
                yield where + name
            elif value.get("properties"):
                yield from missing(value, given[name], f"{where}{name}.")

    assert list(missing(schema, values, "")) == []


OWN = '{{- include "kaga.matchLabels" $it'
OTHER = '{{- include "kaga.matchLabels" (dict "top" $ "part" "x")'
MUTATIONS = {
    "a budget for nobody": ("around.yaml", f"matchLabels: {OWN}", f"matchLabels: {OTHER}"),
    "a policy for nobody": ("networkpolicy.yaml", f"matchLabels: {OWN}", f"matchLabels: {OTHER}"),
    "a Service that hits nothing": ("around.yaml", f"selector: {OWN}", f"selector: {OTHER}"),
    "a claim nobody makes": ("_parts.tpl", '{{ include "kaga.claim" . }}', "lost"),
    "a probe of a port that is not there": ("_parts.tpl", "tcpSocket: {port: http}", "tcpSocket: {port: htp}"),
    "a token of nowhere": ("_parts.tpl", "{{ $top.Values.hubSecretName }}", "huh"),
    "another's account": ("_parts.tpl", 'serviceAccountName: {{ include "kaga.name" . }}', "serviceAccountName: x"),
}  # fmt: skip


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_broken_template_is_seen(tmp_path, mutation):
    file, right, wrong = MUTATIONS[mutation]
    chart = copied(tmp_path)
    template = chart.path / "templates" / file
    text = template.read_text("utf-8")
    assert right in text
    template.write_text(text.replace(right, wrong), "utf-8")
    assert list(broken(chart.render("minimal.yaml"), set(), {"hub"}))


def test_nothing_of_the_stand_in_is_kept():
    assert not (SOURCE / "charts").exists()
