"""Problems: the starter set, benchmarks, own files and Hub datasets, all as `schemas.problem.Problem`.

`loading.load_problems` is the way in. Nothing here runs code of a data set: tests are read with Python's
`ast` and become typed cases (`conversion`), or go to a sandbox of their own as they are.
"""
