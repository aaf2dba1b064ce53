"""Knowledge distillation: teachers, students and soft labels."""
