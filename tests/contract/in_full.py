"""What the document's introduction says in words, as JSON Schema at every place where it holds.

The document is made for people and for client generators, so rules that hold everywhere stand there once
(src/web/openapi_introduction.c). Whoever makes requests out of it needs them where they act: with them the schemas of
parameters and bodies say exactly what is taken, so that what is generated to fit must be taken, and what is generated
not to fit must be refused.
"""

import copy

INT64 = {"minimum": -(2**63) + 1, "maximum": 2**63 - 1}
DOUBLE = {"minimum": -1e300, "maximum": 1e300}
ANY = r"[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]"  # what a text may hold
VISIBLE = r"[^\u0000-\u0020\u007f]"  # and what of it is no space
EMPTY = {"type": "string", "maxLength": 0}
OF_A_LIST = r"[^,\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]"
LISTED = rf"^{OF_A_LIST}*[^,\u0000-\u0020\u007f]{OF_A_LIST}*$"
NO_YEAR_0 = "^(?!0000)"


def has_type(schema, name):
    types = schema.get("type", [])
    return name == types or (isinstance(types, list) and name in types)


def put_text(schema, optional):
    """`minLength` counts what is left without the spaces around, unless it is a password."""
    least = schema.get("minLength", 0)
    either = optional and least > 1
    if schema["format"] == "password":
        pattern = f"(?:{ANY}{{{least},}})?" if either else f"{ANY}*"
    elif least == 0:
        pattern = f"{ANY}*"
    elif least == 1:
        pattern = f"{ANY}*{VISIBLE}{ANY}*"
    else:
        pattern = f"{ANY}*{VISIBLE}{ANY}{{{least - 2},}}{VISIBLE}{ANY}*"
        pattern = rf"(?:[ \t\r\n]*|{pattern})" if either else pattern
    schema["pattern"] = f"^{pattern}$"
    if optional:
        schema.pop("minLength", None)
    if schema["format"] in ("text", "password"):
        del schema["format"]


def alternatives(schema, *others):
    """The same schema, or one of others. What is said about the member stays beside."""
    one = {key: schema.pop(key) for key in list(schema) if key not in ("description", "default", "examples")}
    schema["anyOf"] = [one, *others]


def put_time(schema, optional):
    """A day is a time, too."""
    schema["pattern"] = NO_YEAR_0
    others = [{"type": "string", "format": "date", "pattern": NO_YEAR_0}] if schema["format"] == "date-time" else []
    if optional:
        others.append(EMPTY)
    if others:
        alternatives(schema, *others)


def put_in_full(schema, in_query, required):
    """One member of a body (where null tells that it may be empty) or one parameter or part of a form (where all is
    text)."""
    optional = not required if in_query else has_type(schema, "null")
    form = schema.get("format")
    if "anyOf" in schema:  # or null
        schema["anyOf"][0].get("enum", []).append("")
    elif "enum" in schema:
        schema["enum"] += [""] if optional else []
    elif form in ("date", "date-time"):
        put_time(schema, optional)
    elif has_type(schema, "string") and form != "binary":
        put_text(schema, optional)
    elif has_type(schema, "boolean") and in_query:
        alternatives(schema, {"type": "string", "enum": ["1", "0", ""] if optional else ["1", "0"]})
    elif has_type(schema, "integer") or has_type(schema, "number"):
        for key, bound in (INT64 if form == "int64" else DOUBLE).items():
            schema.setdefault(key, bound)
        if optional and in_query:
            alternatives(schema, EMPTY)
    elif has_type(schema, "array") and "$ref" not in schema["items"]:
        put_in_full(schema["items"], in_query, True)
        if in_query and "pattern" in schema["items"]:
            schema["items"]["pattern"] = LISTED  # a comma begins the next one
    elif has_type(schema, "object"):
        for inside in (schema.get("additionalProperties"), schema.get("propertyNames")):
            if isinstance(inside, dict):
                put_in_full(inside, in_query, True)


def put_object_in_full(schema, in_query):
    for name, member in schema["properties"].items():
        put_in_full(member, in_query, name in schema.get("required", []))


def inside(document, reference):
    return document["components"]["schemas"][reference["$ref"].rsplit("/", 1)[1]]


def bodies_inside(document, schema, found):
    """The components that a body is made of."""
    if isinstance(schema, dict):
        if "$ref" in schema and schema["$ref"] not in found:
            found[schema["$ref"]] = inside(document, schema)
            bodies_inside(document, inside(document, schema), found)
        for part in schema.values():
            bodies_inside(document, part, found)
    elif isinstance(schema, list):
        for part in schema:
            bodies_inside(document, part, found)


def answer_of(document, operation):
    """The record that the operation answers, or of which it answers a list; and whether it is a list. (None, False)
    where it is no JSON."""
    for status, answer in operation["responses"].items():
        content = answer.get("content", {}).get("application/json") if status.startswith("2") else None
        if content and "$ref" in content["schema"]:
            schema = inside(document, content["schema"])
            if "allOf" not in schema:
                return schema, False
            return inside(document, schema["allOf"][1]["properties"]["items"]["items"]), True
    return None, False


def put_parameter_in_full(document, operation, parameter, may_lack):
    schema = parameter["schema"]
    if parameter["in"] == "header":
        return
    if parameter["name"] == "fields":
        answer, _ = answer_of(document, operation)
        may_lack[id(answer)] = answer
        schema |= {"minItems": 1, "items": {"type": "string", "enum": list(answer["properties"])}}
        return
    put_in_full(schema, True, parameter.get("required", False))


def put_choices_in_full(document, schema):
    """Names that stand in a component for all members that choose among them, at each of these members."""
    if isinstance(schema, list):
        for part in schema:
            put_choices_in_full(document, part)
    elif isinstance(schema, dict):
        component = document["components"]["schemas"].get(
            str(schema.get("$ref")).removeprefix("#/components/schemas/"), {}
        )
        if "enum" in component:
            del schema["$ref"]
            schema.update(copy.deepcopy(component))
        for part in schema.values():
            put_choices_in_full(document, part)


def put_document_in_full(document):
    """Changes the document. What answers have to hold unless `fields` leaves it out is no longer `required` there, but
    returned: for each (method, path) the members, and whether they are those of each row of a list."""
    found, may_lack, whole = {}, {}, {}
    put_choices_in_full(document, document)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answer, is_list = answer_of(document, operation)
            if answer:
                whole[method.upper(), path] = (answer.get("required", []), is_list)
            for parameter in operation.get("parameters", []):
                put_parameter_in_full(document, operation, parameter, may_lack)
            for media, content in operation.get("requestBody", {}).get("content", {}).items():
                if media == "multipart/form-data":
                    put_object_in_full(content["schema"], True)
                else:
                    bodies_inside(document, content["schema"], found)
    for schema in found.values():
        put_object_in_full(schema, False)
    for answer in may_lack.values():
        answer.pop("required", None)
    return whole
