"""The whole of template.yaml on this machine: ministack, SAM build and deploy, roles to call it with."""
