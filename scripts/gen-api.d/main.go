// Command gen-api reads Go declarations of the Kubernetes API (struct tags and +markers, never the prose) and writes
// the schema rows and the TypeScript types that src/api is driven by.
//
//	gen-api <path of src/api>
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
)

// version is the release of the modules below; the API it describes is Kubernetes 1.36.
const version = "v0.36.6"

// kubeadmVersion is the release of the one module that is not published apart: kubeadm's kinds stand in the main one.
const kubeadmModule, kubeadmVersion = "k8s.io/kubernetes", "v1.36.0"

// pkg is one Go package that is read. A package without a file is only looked into for the base types of its names.
type pkg struct {
	module string   // Go module that holds it
	path   string   // import path
	id     string   // prefix of its type ids in the table: "core/v1.Pod"
	file   string   // name of the emitted files, without .ts
	group  string   // API group, as in apiVersion
	api    string   // API version
	proto  string   // protobuf package; empty where upstream has no protobuf for it
	roots  []string // where given, only these types and what they embed in this package are emitted
}

var packages = []pkg{
	{module: "k8s.io/apimachinery", path: "k8s.io/apimachinery/pkg/apis/meta/v1", id: "meta/v1", file: "meta-v1", group: "meta.k8s.io", api: "v1", proto: "k8s.io.apimachinery.pkg.apis.meta.v1"},
	{module: "k8s.io/api", path: "k8s.io/api/core/v1", id: "core/v1", file: "core-v1", group: "", api: "v1", proto: "k8s.io.api.core.v1"},
	api("admission", "admission.k8s.io", "v1"),
	api("admissionregistration", "admissionregistration.k8s.io", "v1"),
	api("apps", "apps", "v1"),
	api("authentication", "authentication.k8s.io", "v1"),
	api("authorization", "authorization.k8s.io", "v1"),
	api("autoscaling", "autoscaling", "v1"),
	api("autoscaling", "autoscaling", "v2"),
	api("batch", "batch", "v1"),
	api("certificates", "certificates.k8s.io", "v1"),
	api("coordination", "coordination.k8s.io", "v1"),
	api("discovery", "discovery.k8s.io", "v1"),
	api("events", "events.k8s.io", "v1"),
	api("flowcontrol", "flowcontrol.apiserver.k8s.io", "v1"),
	api("networking", "networking.k8s.io", "v1"),
	api("node", "node.k8s.io", "v1"),
	api("policy", "policy", "v1"),
	api("rbac", "rbac.authorization.k8s.io", "v1"),
	api("resource", "resource.k8s.io", "v1"),
	api("scheduling", "scheduling.k8s.io", "v1"),
	api("storage", "storage.k8s.io", "v1"),
	api("apidiscovery", "apidiscovery.k8s.io", "v2"),
	{module: "k8s.io/apiextensions-apiserver", path: "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1", id: "apiextensions/v1", file: "apiextensions-v1", group: "apiextensions.k8s.io", api: "v1", proto: "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1"},
	{module: "k8s.io/kube-aggregator", path: "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1", id: "apiregistration/v1", file: "apiregistration-v1", group: "apiregistration.k8s.io", api: "v1", proto: "k8s.io.kube_aggregator.pkg.apis.apiregistration.v1"},
	{module: "k8s.io/metrics", path: "k8s.io/metrics/pkg/apis/metrics/v1beta1", id: "metrics/v1beta1", file: "metrics-v1beta1", group: "metrics.k8s.io", api: "v1beta1", proto: "k8s.io.metrics.pkg.apis.metrics.v1beta1"},
	{module: "k8s.io/kubelet", path: "k8s.io/kubelet/config/v1beta1", id: "kubelet/v1beta1", file: "kubelet-v1beta1", group: "kubelet.config.k8s.io", api: "v1beta1"},
	{module: "k8s.io/kube-proxy", path: "k8s.io/kube-proxy/config/v1alpha1", id: "kubeproxy/v1alpha1", file: "kubeproxy-v1alpha1", group: "kubeproxy.config.k8s.io", api: "v1alpha1"},
	{module: "k8s.io/component-base", path: "k8s.io/component-base/config/v1alpha1", id: "componentconfig/v1alpha1", file: "componentconfig-v1alpha1", group: "", api: "v1alpha1", roots: []string{"ClientConnectionConfiguration"}},
	{module: "k8s.io/component-base", path: "k8s.io/component-base/logs/api/v1", id: "logs/v1", file: "logs-v1", group: "logs.config.k8s.io", api: "v1", roots: []string{"LoggingConfiguration"}},
	{module: "k8s.io/component-base", path: "k8s.io/component-base/tracing/api/v1", id: "tracing/v1", file: "tracing-v1", group: "tracing.config.k8s.io", api: "v1", roots: []string{"TracingConfiguration"}},
	{module: kubeadmModule, path: "k8s.io/kubernetes/cmd/kubeadm/app/apis/bootstraptoken/v1", id: "bootstraptoken/v1", file: "bootstraptoken-v1", group: "", api: "v1", roots: []string{"BootstrapToken"}},
	kubeadm("v1beta3"),
	kubeadm("v1beta4"),
	{module: "k8s.io/apimachinery", path: "k8s.io/apimachinery/pkg/types", id: "types"},
}

// api is a package of the module k8s.io/api.
func api(name, group, version string) pkg {
	return pkg{
		module: "k8s.io/api", path: "k8s.io/api/" + name + "/" + version, id: name + "/" + version, file: name + "-" + version,
		group: group, api: version, proto: "k8s.io.api." + name + "." + version,
	}
}

// kubeadm is a version of kubeadm's configuration.
func kubeadm(version string) pkg {
	return pkg{
		module: kubeadmModule, path: "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/" + version, id: "kubeadm/" + version,
		file: "kubeadm-" + version, group: "kubeadm.k8s.io", api: version,
	}
}

// scalars are the Go types with a JSON form of their own. The table knows them by name; their rules are in src/api/schema/scalars.ts.
var scalars = map[string]string{
	"k8s.io/apimachinery/pkg/api/resource.Quantity":                                         "Quantity",
	"k8s.io/apimachinery/pkg/api/resource.QuantityValue":                                    "Quantity",
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString":                                       "IntOrString",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":                                             "Time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime":                                        "MicroTime",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Duration":                                         "Duration",
	"k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1":                                         "RawJson",
	"k8s.io/apimachinery/pkg/runtime.RawExtension":                                          "RawJson",
	"k8s.io/apimachinery/pkg/runtime.Object":                                                "RawJson",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON":                         "RawJson",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrArray":       "JSONSchemaPropsOrArray",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrBool":        "JSONSchemaPropsOrBool",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrStringArray": "JSONSchemaPropsOrStringArray",
	"k8s.io/component-base/logs/api/v1.TimeOrMetaDuration":                                  "DurationOrNanoseconds",
}

// texts are the Go structs that go over the wire as one string, without a rule that the table would have to know.
var texts = map[string]bool{
	"k8s.io/kubernetes/cmd/kubeadm/app/apis/bootstraptoken/v1.BootstrapTokenString": true,
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: gen-api <path of src/api>")
	}
	out := os.Args[1]
	dirs, err := download()
	if err != nil {
		log.Fatal(err)
	}
	u := universe{}
	for _, p := range packages {
		dir := filepath.Join(dirs[p.module], p.path[len(p.module):])
		parsed, err := parsePackage(p, dir)
		if err != nil {
			log.Fatal(err)
		}
		u[p.path] = parsed
	}
	u.markStructs()
	for _, p := range packages {
		if p.file == "" {
			continue
		}
		types, err := u.emitted(p)
		if err != nil {
			log.Fatal(err)
		}
		write(filepath.Join(out, "schema", "gen", p.file+".ts"), rowsFile(p, types))
		write(filepath.Join(out, "types", "gen", p.file+".ts"), typesFile(p, types))
		fmt.Printf("%s: %d types\n", p.path, len(types))
	}
}

// download returns the directory of each module in the module cache.
func download() (map[string]string, error) {
	args := []string{"mod", "download", "-json"}
	seen := map[string]bool{}
	for _, p := range packages {
		if !seen[p.module] {
			seen[p.module] = true
			release := version
			if p.module == kubeadmModule {
				release = kubeadmVersion
			}
			args = append(args, p.module+"@"+release)
		}
	}
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go mod download: %w", err)
	}
	dirs := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(output)); d.More(); {
		var m struct{ Path, Dir, Error string }
		if err := d.Decode(&m); err != nil {
			return nil, err
		}
		if m.Error != "" {
			return nil, fmt.Errorf("%s: %s", m.Path, m.Error)
		}
		dirs[m.Path] = m.Dir
	}
	return dirs, nil
}

func write(path string, text string) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		log.Fatal(err)
	}
}
