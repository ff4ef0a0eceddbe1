package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"sort"
	"strings"
)

// typesFile is the TypeScript view of one package. A field may be absent where Go leaves it out of JSON; a struct held
// by value is always there, as Go writes `{}` for it.
func typesFile(p pkg, types []goType) string {
	imports := map[string]bool{}
	specials := map[string]bool{}
	var body strings.Builder
	for _, t := range types {
		body.WriteString("\n")
		if t.base != nil {
			body.WriteString(aliasText(p, t, imports, specials))
			continue
		}
		parents := []string{}
		for _, f := range t.fields {
			if f.json == "" {
				parents = append(parents, tsRef(p, f.typ, imports, specials))
			}
		}
		extends := ""
		if len(parents) > 0 {
			extends = " extends " + strings.Join(parents, ", ")
		}
		fmt.Fprintf(&body, "export interface %s%s {\n", t.name, extends)
		for _, f := range t.fields {
			if f.json == "" {
				continue
			}
			text := tsRef(p, f.typ, imports, specials)
			if mayBeAbsent(f) {
				fmt.Fprintf(&body, "  readonly %s?: %s | undefined;\n", propertyName(f.json), text)
			} else {
				fmt.Fprintf(&body, "  readonly %s: %s;\n", propertyName(f.json), text)
			}
		}
		body.WriteString("}\n")
	}
	var b strings.Builder
	b.WriteString(header(p))
	if len(specials) > 0 {
		fmt.Fprintf(&b, "import type { %s } from '../scalars.ts';\n", strings.Join(sortedKeys(specials), ", "))
	}
	for _, name := range sortedKeys(imports) {
		for _, other := range packages {
			if other.id == name {
				fmt.Fprintf(&b, "import type * as %s from './%s.ts';\n", constName(other), other.file)
			}
		}
	}
	b.WriteString(body.String())
	return b.String()
}

func aliasText(p pkg, t goType, imports, specials map[string]bool) string {
	if t.enum == nil {
		return fmt.Sprintf("export type %s = %s;\n", t.name, tsRef(p, *t.base, imports, specials))
	}
	values := []string{}
	for _, value := range t.enum {
		text, _ := json.Marshal(value)
		values = append(values, "'"+strings.Trim(string(text), `"`)+"'")
	}
	return fmt.Sprintf("export type %s = %s;\n", t.name, strings.Join(values, " | "))
}

// mayBeAbsent must agree with `isAlwaysPresent` in src/api/schema/table.ts.
func mayBeAbsent(f field) bool {
	if f.typ.pointer || f.omitZero {
		return true
	}
	if f.typ.kind == "special" {
		return f.typ.name == "Time" || f.typ.name == "MicroTime" || f.typ.name == "RawJson"
	}
	return f.omitEmpty && !f.isStruct()
}

// structs holds the ids of all struct types.
var structs = map[string]bool{}

func (u universe) markStructs() {
	for _, g := range u {
		for name, spec := range g.specs {
			if _, ok := spec.Type.(*ast.StructType); ok {
				structs[g.pkg.id+"."+name] = true
			}
		}
	}
}

func (f field) isStruct() bool { return f.typ.kind == "named" && structs[f.typ.name] }

func tsRef(p pkg, r ref, imports, specials map[string]bool) string {
	switch r.kind {
	case "list":
		return "readonly " + wrap(tsRef(p, *r.of, imports, specials)) + "[]"
	case "map":
		return "{ readonly [key: string]: " + tsRef(p, *r.of, imports, specials) + " }"
	case "special":
		specials[r.name] = true
		return r.name
	case "named":
		dot := strings.LastIndex(r.name, ".")
		id, name := r.name[:dot], r.name[dot+1:]
		if id == p.id {
			return name
		}
		imports[id] = true
		for _, other := range packages {
			if other.id == id {
				return constName(other) + "." + name
			}
		}
	}
	switch r.name {
	case "bool":
		return "boolean"
	case "int32", "int64", "uint32", "float64":
		return "number"
	}
	return "string" // bytes are base64 text in JSON
}

func wrap(text string) string {
	if strings.HasPrefix(text, "readonly ") {
		return "(" + text + ")"
	}
	return text
}

func propertyName(name string) string {
	if strings.ContainsAny(name, "-$./") {
		return "'" + name + "'"
	}
	return name
}

func sortedKeys(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
