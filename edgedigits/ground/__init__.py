"""What every room stands on: files that appear whole, locks, the cache, names, YAML and JSON that are read strictly."""
