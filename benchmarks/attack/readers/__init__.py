"""What reads the files, each reader as the command calls it; `table.READERS` lists them all."""
