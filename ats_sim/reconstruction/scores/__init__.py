"""The figures of the metrics' definitions, one family a file; arrays in, plain numbers out."""
