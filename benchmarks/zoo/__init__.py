"""The zoo and real digits: what its nets reach, and where recipes lead each; sections of results/zoo.json."""
