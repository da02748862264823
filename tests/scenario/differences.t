# Fields whose values may differ between the live run and the replay of its capture, and why.
proc.exe.sha256    computed from the file while the process lives; captures have no place for it
