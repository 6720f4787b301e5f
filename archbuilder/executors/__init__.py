"""Where jobs are done: this process, processes of this machine, or a cluster. A job is any function."""
