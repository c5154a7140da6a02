"""Public test tools: fakes, fault sources, behaviour suites, running components."""
