from skboost._crossfit.folds import (  # noqa: F401
    FittedFold,
    Fold,
    Rows,
    check_partition,
    fit_folds,
    fit_on,
    folds_of,
)
