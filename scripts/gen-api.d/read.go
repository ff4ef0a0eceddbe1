package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// ref is a type as a field refers to it.
type ref struct {
	kind    string // "scalar" (Go builtin), "special" (scalars), "named", "list", "map"
	name    string // builtin, special, or type id
	of      *ref   // element of a list or map
	pointer bool
}

type field struct {
	json      string // "" for an inlined struct
	goName    string
	typ       ref
	proto     int
	omitEmpty bool
	omitZero  bool
	markers   map[string][]string
	tag       reflect.StructTag
}

type goType struct {
	name    string
	fields  []field  // of a struct
	base    *ref     // of a named string, list, map, …
	enum    []string // JSON literals, where the type carries +enum
	markers map[string][]string
}

type goPackage struct {
	pkg    pkg
	specs  map[string]*ast.TypeSpec
	docs   map[string]map[string][]string
	files  map[string]map[string]string // type name -> imports of its file
	enums  map[string][]string          // type name -> constants
	consts map[string]string            // name of a string constant -> its value
	copies map[string][]constRef        // type name -> its constants that are those of another package
	order  []string
}

// constRef is a constant of an imported package.
type constRef struct{ path, name string }

type universe map[string]*goPackage

func parsePackage(p pkg, dir string) (*goPackage, error) {
	skip := regexp.MustCompile(`_test\.go$|generated`)
	parsed, err := parser.ParseDir(token.NewFileSet(), dir, func(i fs.FileInfo) bool { return !skip.MatchString(i.Name()) }, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	g := &goPackage{pkg: p, specs: map[string]*ast.TypeSpec{}, docs: map[string]map[string][]string{}, files: map[string]map[string]string{}, enums: map[string][]string{}, consts: map[string]string{}, copies: map[string][]constRef{}}
	for _, tree := range parsed {
		names := make([]string, 0, len(tree.Files))
		for name := range tree.Files {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			g.addFile(tree.Files[name])
		}
	}
	if len(g.specs) == 0 {
		return nil, fmt.Errorf("no types in %s", dir)
	}
	return g, nil
}

func (g *goPackage) addFile(file *ast.File) {
	imports := map[string]string{}
	for _, spec := range file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		name := path[strings.LastIndex(path, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imports[name] = path
	}
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range gen.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				g.specs[s.Name.Name] = s
				g.files[s.Name.Name] = imports
				g.docs[s.Name.Name] = markersOf(gen.Doc, s.Doc)
				g.order = append(g.order, s.Name.Name)
			case *ast.ValueSpec:
				if gen.Tok != token.CONST {
					continue
				}
				for i, value := range s.Values {
					ident, ok := s.Type.(*ast.Ident)
					// a constant may have its type by conversion: T("text"), or T(other.Constant)
					if call, converted := value.(*ast.CallExpr); converted && s.Type == nil && len(call.Args) == 1 {
						ident, ok = call.Fun.(*ast.Ident)
						value = call.Args[0]
					}
					if !ok {
						continue
					}
					if selector, imported := value.(*ast.SelectorExpr); imported {
						if from, ok := selector.X.(*ast.Ident); ok {
							g.copies[ident.Name] = append(g.copies[ident.Name], constRef{imports[from.Name], selector.Sel.Name})
						}
						continue
					}
					if lit, ok := value.(*ast.BasicLit); ok && lit.Kind == token.STRING {
						text, _ := strconv.Unquote(lit.Value)
						g.consts[s.Names[i].Name] = text
						g.enums[ident.Name] = append(g.enums[ident.Name], text)
					}
				}
			}
		}
	}
}

// markersOf collects the "+name=value" lines of comments.
func markersOf(groups ...*ast.CommentGroup) map[string][]string {
	markers := map[string][]string{}
	for _, group := range groups {
		if group == nil {
			continue
		}
		for _, line := range group.List {
			text := strings.TrimSpace(strings.TrimPrefix(line.Text, "//"))
			if !strings.HasPrefix(text, "+") {
				continue
			}
			name, value, _ := strings.Cut(text[1:], "=")
			markers[name] = append(markers[name], strings.TrimSpace(value))
		}
	}
	return markers
}

// resolve turns a type expression of package g into a ref.
func (u universe) resolve(g *goPackage, imports map[string]string, expr ast.Expr) (ref, error) {
	switch e := expr.(type) {
	case *ast.StarExpr:
		r, err := u.resolve(g, imports, e.X)
		r.pointer = true
		return r, err
	case *ast.ArrayType:
		if ident, ok := e.Elt.(*ast.Ident); ok && ident.Name == "byte" {
			return ref{kind: "scalar", name: "bytes"}, nil
		}
		of, err := u.resolve(g, imports, e.Elt)
		return ref{kind: "list", of: &of}, err
	case *ast.InterfaceType:
		return ref{kind: "special", name: "RawJson"}, nil
	case *ast.MapType:
		of, err := u.resolve(g, imports, e.Value)
		return ref{kind: "map", of: &of}, err
	case *ast.Ident:
		if _, own := g.specs[e.Name]; own {
			return u.named(g, e.Name)
		}
		switch e.Name {
		case "string", "bool", "int32", "int64", "float64":
			return ref{kind: "scalar", name: e.Name}, nil
		case "int":
			return ref{kind: "scalar", name: "int64"}, nil
		case "float32":
			// only configuration files hold one, and JSON knows one kind of number
			return ref{kind: "scalar", name: "float64"}, nil
		case "uint32", "uint8", "byte":
			return ref{kind: "scalar", name: "uint32"}, nil
		}
		return ref{}, fmt.Errorf("%s: builtin %s is not known to the table", g.pkg.path, e.Name)
	case *ast.SelectorExpr:
		path := imports[e.X.(*ast.Ident).Name]
		if special, ok := scalars[path+"."+e.Sel.Name]; ok {
			return ref{kind: "special", name: special}, nil
		}
		other, ok := u[path]
		if !ok {
			return ref{}, fmt.Errorf("%s: package %s (%s) is not in the list of packages", g.pkg.path, path, e.Sel.Name)
		}
		return u.named(other, e.Sel.Name)
	}
	return ref{}, fmt.Errorf("%s: type expression %T is not known to the table", g.pkg.path, expr)
}

func (u universe) named(g *goPackage, name string) (ref, error) {
	if special, ok := scalars[g.pkg.path+"."+name]; ok {
		return ref{kind: "special", name: special}, nil
	}
	if texts[g.pkg.path+"."+name] {
		return ref{kind: "scalar", name: "string"}, nil
	}
	spec, ok := g.specs[name]
	if !ok {
		return ref{}, fmt.Errorf("%s has no type %s", g.pkg.path, name)
	}
	if g.pkg.file == "" { // only its base matters: types.UID is a string
		return u.resolve(g, g.files[name], spec.Type)
	}
	return ref{kind: "named", name: g.pkg.id + "." + name}, nil
}

// emitted returns the types of a package that belong in the table, in the order of their names.
func (u universe) emitted(p pkg) ([]goType, error) {
	g := u[p.path]
	wanted := map[string]bool{}
	if p.roots == nil {
		for _, name := range g.order {
			if g.isAPI(name) {
				wanted[name] = true
			}
		}
	} else {
		for _, name := range p.roots {
			wanted[name] = true
		}
	}
	done := map[string]goType{}
	for more := true; more; {
		more = false
		for name := range wanted {
			if _, ok := done[name]; ok {
				continue
			}
			t, err := u.typeOf(g, name)
			if err != nil {
				return nil, err
			}
			done[name] = t
			more = true
			t.refs(func(r ref) {
				if id, ok := strings.CutPrefix(r.name, p.id+"."); ok && r.kind == "named" {
					wanted[id] = true
				}
			})
		}
	}
	names := make([]string, 0, len(done))
	for name := range done {
		names = append(names, name)
	}
	sort.Strings(names)
	types := make([]goType, 0, len(names))
	for _, name := range names {
		types = append(types, done[name])
	}
	return types, nil
}

// isAPI is true for the structs that go over the wire: those whose fields carry json tags.
func (g *goPackage) isAPI(name string) bool {
	if _, special := scalars[g.pkg.path+"."+name]; special || !ast.IsExported(name) {
		return false
	}
	s, ok := g.specs[name].Type.(*ast.StructType)
	if !ok {
		return false
	}
	for _, f := range s.Fields.List {
		if f.Tag != nil && strings.Contains(f.Tag.Value, "json:") {
			return true
		}
	}
	return len(s.Fields.List) == 0
}

func (u universe) typeOf(g *goPackage, name string) (goType, error) {
	t := goType{name: name, markers: g.docs[name]}
	imports := g.files[name]
	s, ok := g.specs[name].Type.(*ast.StructType)
	if !ok {
		base, err := u.resolve(g, imports, g.specs[name].Type)
		if err != nil {
			return t, err
		}
		t.base = &base
		if _, enum := t.markers["enum"]; enum {
			t.enum = append(t.enum, g.enums[name]...)
			for _, copied := range g.copies[name] {
				from, ok := u[copied.path]
				if !ok {
					return t, fmt.Errorf("%s: the package %s of a constant is not read", name, copied.path)
				}
				t.enum = append(t.enum, from.consts[copied.name])
			}
		}
		return t, nil
	}
	t.fields = []field{}
	for _, f := range s.Fields.List {
		if f.Tag == nil {
			continue
		}
		raw, _ := strconv.Unquote(f.Tag.Value)
		tag := reflect.StructTag(raw)
		jsonTag, ok := tag.Lookup("json")
		if !ok || jsonTag == "-" {
			continue
		}
		typ, err := u.resolve(g, imports, f.Type)
		if err != nil {
			return t, fmt.Errorf("%s: %w", name, err)
		}
		parts := strings.Split(jsonTag, ",")
		row := field{json: parts[0], typ: typ, markers: markersOf(f.Doc), tag: tag}
		if err := g.resolveDefault(row.markers); err != nil {
			return t, fmt.Errorf("%s: %w", name, err)
		}
		if len(f.Names) > 0 {
			row.goName = f.Names[0].Name
			if row.json == "" {
				row.json = row.goName
			}
		}
		for _, option := range parts[1:] {
			row.omitEmpty = row.omitEmpty || option == "omitempty"
			row.omitZero = row.omitZero || option == "omitzero"
		}
		if proto := strings.Split(tag.Get("protobuf"), ","); len(proto) > 1 {
			row.proto, _ = strconv.Atoi(proto[1])
		}
		t.fields = append(t.fields, row)
	}
	return t, nil
}

// resolveDefault replaces `ref(Constant)` in a default marker by the constant's value, so that the row holds JSON.
func (g *goPackage) resolveDefault(markers map[string][]string) error {
	for i, value := range markers["default"] {
		inner, ok := strings.CutPrefix(value, "ref(")
		if !ok {
			continue
		}
		name := strings.TrimSuffix(inner, ")")
		name = name[strings.LastIndex(name, ".")+1:]
		text, known := g.consts[name]
		if !known {
			return fmt.Errorf("default %s names no constant of %s", value, g.pkg.path)
		}
		markers["default"][i] = strconv.Quote(text)
	}
	return nil
}

func (t goType) refs(visit func(ref)) {
	var walk func(r ref)
	walk = func(r ref) {
		visit(r)
		if r.of != nil {
			walk(*r.of)
		}
	}
	if t.base != nil {
		walk(*t.base)
	}
	for _, f := range t.fields {
		walk(f.typ)
	}
}
