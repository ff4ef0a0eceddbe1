// Program of the image nonewprivs: it lies there with the set-user-ID bit of root, and says as whom it runs.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Printf("Effective uid: %d\n", os.Geteuid())
}
