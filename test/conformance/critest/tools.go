//go:build tools

// Package critest pins upstream's CRI validation suite, https://github.com/kubernetes-sigs/cri-tools. It holds no program of its own:
// the suite is built out of the module by `go test -c sigs.k8s.io/cri-tools/cmd/critest`. The imports are those of that command,
// so that go.mod and go.sum name everything the build takes. crictl, of the same module, is built as it is.
package critest

import (
	_ "github.com/onsi/ginkgo/v2"
	_ "github.com/onsi/gomega"
	_ "sigs.k8s.io/cri-tools/cmd/crictl"
	_ "sigs.k8s.io/cri-tools/pkg/benchmark"
	_ "sigs.k8s.io/cri-tools/pkg/common"
	_ "sigs.k8s.io/cri-tools/pkg/framework"
	_ "sigs.k8s.io/cri-tools/pkg/validate"
	_ "sigs.k8s.io/cri-tools/pkg/version"
)
