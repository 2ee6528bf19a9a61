from skboost._crossfit.rows import indexable_rows, n_rows_of, take, take_aligned  # noqa: F401
