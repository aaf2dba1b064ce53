"""Whether the faults that users met are mended: small inputs that failed, the attack, kills at random moments, children.

running    a command as a user starts it, its end judged
scene      a folder in which a case makes its model and data, and commands are run on them
models     cases of models: their activations, their exports, their classes
pictures   cases of images: how they are read, scaled, resized
broken     files that a reader met with something else than a sentence
sections   the parts of `benchmarks/results/faults.json`, each measured alone
"""
