"""What people and schedulers touch: the command line and the Prefect flows."""
