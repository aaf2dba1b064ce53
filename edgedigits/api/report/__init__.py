"""The report and the model card of artifacts: what was found as one document, and its pages."""
