# Fields whose values may differ between a live run and the replay of its capture, and why. All others are
# equal, and so are the alerts; docs/evasions.md shows this table.
evt.args             text of all parameters: names of descriptors in it differ where these do
evt.info             the same as evt.args
fd.dev               of descriptors that the sensor met by looking, not by a call
fd.dev.minor         of descriptors that the sensor met by looking, not by a call
fd.ino               of descriptors that the sensor met by looking, not by a call
fd.is_lower_layer    of descriptors that the sensor met by looking, not by a call
fd.is_upper_layer    of descriptors that the sensor met by looking, not by a call
fd.types             descriptors that the sensor met by looking, not by a call
proc.exe.sha256      computed from the file while the process lives; captures have no place for it
proc.fdopencount     descriptors that the sensor met by looking, not by a call
proc.fdusage         descriptors that the sensor met by looking, not by a call
proc.stderr.name     descriptors 0 to 2 are looked at when a program starts
proc.stderr.type     descriptors 0 to 2 are looked at when a program starts
proc.stdin.name      descriptors 0 to 2 are looked at when a program starts
proc.stdin.type      descriptors 0 to 2 are looked at when a program starts
proc.stdout.name     descriptors 0 to 2 are looked at when a program starts
proc.stdout.type     descriptors 0 to 2 are looked at when a program starts
