#!/usr/bin/env python3
"""Constants, types and functions in anonymous namespaces have names of their own within a library, so that its files can
be compiled together, as many at a time as one likes (CMAKE_UNITY_BUILD). distinct_names.py SOURCE_DIR"""

import collections
import pathlib
import re
import sys

NAMESPACE = re.compile(r'^namespace (rtpx[\w:]*) \{', re.M)
ANONYMOUS = re.compile(r'^namespace \{\n(.*?)^\}  // namespace$', re.M | re.S)
CONSTANTS = re.compile(r'^(?:inline |static )?constexpr [^(;]*;', re.M)
TYPES = re.compile(r'^(?:struct|class|enum class|enum) (\w+)\b(?! *;)', re.M)
ALIASES = re.compile(r'^using (\w+) = ([^;]*);', re.M)
FUNCTIONS = re.compile(r'^(?!return|using|template|struct|class)\w[\w:<>,&*\[\] ]+?[ &*](\w+)\(([^;{}]*?)\)\s*(?:noexcept )?\{', re.M)


def parameter_types(parameters):
    parameters = re.sub(r'\s+', ' ', parameters)
    return ', '.join(re.sub(r'\s*=.*', '', p).rsplit(' ', 1)[0].strip() for p in parameters.split(','))


def names_of(text):
    for block in ANONYMOUS.findall(text):
        for constant in CONSTANTS.findall(block):
            for name in re.findall(r'\b(k[A-Z]\w*)(?:\[[^]]*\])*\s*[={]', constant):
                yield name, None
        for name in TYPES.findall(block):
            yield name, None
        for name, meaning in ALIASES.findall(block):  # the same name for the same type may come again
            yield name, meaning
        for name, parameters in FUNCTIONS.findall(block):
            yield f'{name}({parameter_types(parameters)})', None


def main():
    source = pathlib.Path(sys.argv[1])
    files = collections.defaultdict(set)  # of a library
    for folder in (source / 'src').iterdir():
        for lists in folder.rglob('CMakeLists.txt'):
            for library, body in re.findall(r'target_sources\((\w+) PRIVATE([^)]*)\)', lists.read_text()):
                files[library] |= {lists.parent / name for name in re.findall(r'[\w./-]+\.cpp', body)}
    if sum(len(f) for f in files.values()) < 100:
        sys.exit('the sources were not found')
    clashes = 0
    for library, sources in sorted(files.items()):
        where = collections.defaultdict(dict)
        for path in sorted(sources):
            text = path.read_text()
            outer = (NAMESPACE.findall(text) or [''])[0]
            for name, meaning in names_of(text):
                where[outer, name][str(path.relative_to(source))] = meaning
        for (_, name), paths in sorted(where.items()):
            if len(paths) > 1 and (None in paths.values() or len(set(paths.values())) > 1):
                clashes += 1
                print(f'{library}: {name} is in {", ".join(sorted(paths))}')
    sys.exit(1 if clashes else 0)


main()
