"""Golden definitions as what would be registered."""
import json


def filled(value, key=""):
    """Values that only CloudFormation knows, as something of the right type."""
    if isinstance(value, dict):
        if len(value) == 1:
            name = next(iter(value))
            if name == "Fn::If":
                return filled(value[name][1], key)
            if name == "Fn::Split":
                return ["filled"]
            if name == "Ref" or name.startswith("Fn::"):
                return "filled"
        return {k: filled(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [filled(v) for v in value]
    return value


FREE = {"DockerLabels", "Options"}
WHOLE = {"Cpu", "Memory", "MemoryReservation", "ContainerPort", "HostPort", "Interval", "Timeout", "Retries", "StartPeriod",
         "SoftLimit", "HardLimit"}


def camel(value, key="", task=False):
    """CloudFormation's spelling as the API's."""
    if isinstance(value, dict):
        return {(k if key in FREE else k[0].lower() + k[1:]): camel(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [camel(v) for v in value]
    return value


def yaml_loader():
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    def construct(loader, suffix, node):
        if isinstance(node, yaml.ScalarNode):
            value = loader.construct_scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            value = loader.construct_sequence(node, deep=True)
        else:
            value = loader.construct_mapping(node, deep=True)
        return {"Ref" if suffix == "Ref" else "Fn::" + suffix: value}

    Loader.add_multi_constructor("!", construct)
    return lambda text: yaml.load(text, Loader)


def load(path_name, text):
    return json.loads(text) if path_name.endswith(".json") else yaml_loader()(text)


def definitions(document):
    """What would be registered: the request of register_task_definition, for each task."""
    if isinstance(document, list):
        pascal = "Name" in document[0]
        return [{"family": "f", "containerDefinitions": camel(filled(document)) if pascal else document}]
    if "Resources" in document:
        tasks = [filled(r["Properties"]) for r in document["Resources"].values()
                 if r.get("Type") == "AWS::ECS::TaskDefinition"]
        for task in tasks:
            task["ContainerDefinitions"] = [c for c in task["ContainerDefinitions"] if isinstance(c, dict)]
            for name in ("Cpu", "Memory"):
                if name in task:
                    task[name] = str(task[name])
            for container in task["ContainerDefinitions"]:
                for name in WHOLE & set(container):
                    container[name] = int(container[name])
        return [dict({"family": "f"}, **camel(task)) for task in tasks]
    task = document.get("taskDefinition", document)
    answered = {"taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt",
                "registeredBy"}
    def clean(value):
        if isinstance(value, dict):
            return {k: clean(v) for k, v in value.items() if v is not None and k not in answered}
        return [clean(v) for v in value] if isinstance(value, list) else value
    return [clean(task)]
