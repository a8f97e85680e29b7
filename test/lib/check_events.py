"""check_events.py DIRECTORY - are these events what the schemas of the directory say?

Standard input has a CloudEvent a line.  Prints a line for each thing that is wrong: a type without
a schema, a member that is missing, unknown or of the wrong kind, a schema that is none.
"""
import json
import pathlib
import sys

import jsonschema

schemas = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.schema.json")):
    schema = json.loads(path.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    schemas[path.name] = schema
checkers = {
    name.removesuffix(".schema.json"): jsonschema.Draft202012Validator(
        schema, resolver=jsonschema.RefResolver(name, schema, store=schemas))
    for name, schema in schemas.items()}


def causes(error):
    """The most telling of the errors below an alternative."""
    best = jsonschema.exceptions.best_match([error])
    return "/".join(map(str, best.absolute_path)), best.message


for line in sys.stdin:
    event = json.loads(line)
    checker = checkers.get(event.get("type"))
    if checker is None:
        print(f"{event.get('type')}: has no schema")
        continue
    for error in checker.iter_errors(event):
        where, why = causes(error)
        print(f"{event['type']}: {where}: {why}")
