module gantry/gen-api

go 1.24
