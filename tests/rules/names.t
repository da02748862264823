# Which events a condition can be true for.

names evt.type = open => open
names evt.type == open => open
names evt.type in (open, close) => open close
names evt.type in () => none
names evt.type = open or evt.type = close => open close
names evt.type = open and evt.type = close => none
names evt.type = open and proc.name = cat => open
names evt.type = open or proc.name = cat => all
names proc.name = cat => all
names not proc.name = cat => all
names not (evt.type != open) => open
names not (evt.type != open or proc.name = x) => open
names not (evt.type != open and evt.type != close) => open close
names not (not evt.type = open and not evt.type = close) => open close
names not not evt.type = open => open
names evt.type in (open, close) and evt.type != close => open
names evt.type in (open, close) and not evt.type in (close) => open
names evt.type != open and evt.type = open => none
names not (evt.type = open and proc.name = x) => all
names evt.type exists => all
names not evt.type exists => none
names evt.type startswith ope => all
names not evt.type contains open => all
names evt.type = anyof (open, close) => open close
names evt.type = oneof (open, close) => all
names not evt.type != allof (open, close) => open close
names syscall.type = open => open
names syscall.type in (open, close) => open close
names evt.num = 0 => none
names evt.num < 1 => none
names evt.num <= 0 => none
names evt.num in (0) => none
names evt.num in () => none
names not evt.num = 0 => all
names evt.num >= 0 => all
names evt.num > 0 => all
names evt.num != 0 => all
names evt.num >= 1 => all
names not evt.num >= 0 => none
names not evt.num > 0 => none
names evt.num = 1 => all
names not evt.num = 1 => all
names evt.num > 1 => all
names evt.num in (0, 1) => all
names evt.type = open and not evt.num = 0 => open
names evt.type = open and evt.num = 0 => none
names evt.type = open or evt.num = 0 => open
names evt.type = open or evt.num > 0 => all
names (evt.type = open and proc.name = a) or (evt.type = close and proc.name = b) => open close
