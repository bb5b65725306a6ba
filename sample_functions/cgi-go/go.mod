module visitor

go 1.24
