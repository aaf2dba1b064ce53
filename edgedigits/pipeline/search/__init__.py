"""The search: a goal in, the best artifact under its bounds out, its points kept in a study of Optuna's."""
