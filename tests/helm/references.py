"""What one object of the chart says about another: everything that is named must be there, every selector must hit."""

from collections.abc import Iterator
from typing import Any

Thing = dict[str, Any]
HUB_SECRETS = ("hub", "kaga-hub")  # made by the official chart, or by people before they install


def of_kind(things: list[Thing], kind: str) -> list[Thing]:
    return [thing for thing in things if thing["kind"] == kind]


def names(things: list[Thing], kind: str) -> set[str]:
    return {thing["metadata"]["name"] for thing in of_kind(things, kind)}


def pods(things: list[Thing]) -> list[Thing]:
    return [deployment["spec"]["template"] for deployment in of_kind(things, "Deployment")]


def _hits(selector: Thing, things: list[Thing]) -> list[Thing]:
    return [pod for pod in pods(things) if selector.items() <= pod["metadata"]["labels"].items()]


def _ports(pod: Thing) -> set[Any]:
    ports = [port for container in pod["spec"]["containers"] for port in container["ports"]]
    return {port["name"] for port in ports} | {port["containerPort"] for port in ports}


def broken(things: list[Thing], claims: set[str], secrets: set[str]) -> Iterator[str]:
    """One line per reference that leads nowhere. `claims` and `secrets` exist outside the chart."""
    for deployment in of_kind(things, "Deployment"):
        name, spec = deployment["metadata"]["name"], deployment["spec"]["template"]["spec"]
        selector = deployment["spec"]["selector"]["matchLabels"]
        if _hits(selector, things) != [deployment["spec"]["template"]]:
            yield f"{name}: selector hits not exactly its own pod"
        if spec["serviceAccountName"] not in names(things, "ServiceAccount"):
            yield f"{name}: no service account {spec['serviceAccountName']}"
        mounted = {mount["name"] for container in spec["containers"] for mount in container["volumeMounts"]}
        if mounted != {volume["name"] for volume in spec["volumes"]}:
            yield f"{name}: volumes and mounts differ"
        for volume in spec["volumes"]:
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and claim not in names(things, "PersistentVolumeClaim") | claims:
                yield f"{name}: no claim {claim}"
            secret = volume.get("secret", {}).get("secretName")
            if secret and secret not in secrets:
                yield f"{name}: no secret {secret}"
        for container in spec["containers"]:
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                action = container[probe].get("httpGet") or container[probe]["tcpSocket"]
                if action["port"] not in _ports(deployment["spec"]["template"]):
                    yield f"{name}: {probe} asks a port that is not there"
    for service in of_kind(things, "Service"):
        found = _hits(service["spec"]["selector"], things)
        if len(found) != 1:
            yield f"service {service['metadata']['name']}: expected one pod, got {len(found)}"
        for port in service["spec"]["ports"]:
            if any(port["targetPort"] not in _ports(pod) for pod in found):
                yield f"service {service['metadata']['name']}: no port {port['targetPort']}"
    for budget in of_kind(things, "PodDisruptionBudget"):
        if len(_hits(budget["spec"]["selector"]["matchLabels"], things)) != 1:
            yield f"disruption budget {budget['metadata']['name']}: hits no pod"
    for policy in of_kind(things, "NetworkPolicy"):
        found = _hits(policy["spec"]["podSelector"]["matchLabels"], things)
        if len(found) != 1:
            yield f"network policy {policy['metadata']['name']}: hits no pod"
        for rule in policy["spec"]["ingress"]:
            if any(port["port"] not in _ports(pod) for pod in found for port in rule["ports"]):
                yield f"network policy {policy['metadata']['name']}: lets in to a port that is not there"
    for ingress in of_kind(things, "Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                if path["backend"]["service"]["name"] not in names(things, "Service"):
                    yield f"ingress {ingress['metadata']['name']}: no such service"
