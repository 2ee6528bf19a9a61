"""What wrappers of estimators share: rows, folds, models that are asked about rows they were not trained on."""
