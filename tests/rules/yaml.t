# Whole rule files.

scene
  proc pid=1 name=init exe=init
  proc pid=10 parent=1 name=cat exe=cat
  event openat exit @tid=10 fd=4 dirfd=-100 name=/etc/shadow flags=O_RDONLY
yaml
    - list: readers
      items: [cat, less]
    - list: all_readers
      items: [readers, more]
    - macro: open_read
      condition: evt.type in (open, openat) and evt.is_open_read=true
    - macro: never_true
      condition: (evt.num=0)
    - rule: A
      desc: d
      condition: open_read and proc.name in (all_readers)
      output: f=%fd.name
      priority: INFO
    - rule: B
      desc: d
      condition: open_read and not never_true and fd.name startswith /etc
      output: f=%fd.name
      priority: WARNING
    - rule: C
      desc: d
      condition: open_read and never_true
      output: f=%fd.name
      priority: INFO
    - rule: D
      desc: d
      condition: evt.type = execve and proc.name = cat
      output: x
      priority: INFO
    - rule: E
      desc: d
      condition: open_read
      output: x
      priority: INFO
      enabled: false
loads
matches A, B
canonical A => ((evt.type in (open, openat) and evt.is_open_read = true) and proc.name in (cat, less, more))
canonical C => ((evt.type in (open, openat) and evt.is_open_read = true) and evt.num = 0)

yaml
    - rule: A
      desc: d
      condition: evt.type = openat
      output: x
      priority: INFO
      exceptions:
        - name: by_name
          fields: [proc.name, fd.name]
          comps: [=, startswith]
          values:
            - [cat, /etc/]
        - name: by_list
          fields: proc.name
          comps: in
          values: [less, more]
    - rule: B
      desc: d
      condition: evt.type = openat
      output: x
      priority: INFO
      exceptions:
        - name: other
          fields: [proc.name]
          values:
            - [dog]
loads
matches B

yaml
    - rule: A
      desc: d
      condition: evt.type = openat and proc.nobody = x
      output: x
      priority: INFO
fails => filter_check called with nonexistent field proc.nobody
fails => LOAD_ERR_COMPILE_CONDITION

yaml
    - rule: A
      desc: d
      condition: evt.type = openat and proc.nobody = x
      output: x
      priority: INFO
      skip-if-unknown-filter: true
    - rule: B
      desc: d
      condition: evt.type = openat
      output: x %proc.name
      priority: INFO
loads
warns => LOAD_UNKNOWN_FILTER
matches B

yaml
    - rule: A
      desc: d
      condition: evt.type = openat
      output: x %not_a_real_field
      priority: INFO
fails => invalid formatting token not_a_real_field
fails => LOAD_ERR_COMPILE_OUTPUT

yaml
    - rule: A
      desc: d
      condition: proc.name = cat
      output: x
      priority: INFO
loads
warns => LOAD_NO_EVTTYPE
matches A

yaml
    - rule: A
      desc: d
      condition: evt.type = openat and proc.name regex "^cat$" and evt.dir = <
      output: x
      priority: INFO
loads
warns => LOAD_COMPILE_CONDITION
warns => evt.dir
matches A

yaml
    - macro: m
      condition: proc.name = cat
    - rule: A
      desc: d
      condition: evt.type = openat and m
      output: x
      priority: INFO
    - macro: m
      condition: or proc.name = dog
      append: true
    - rule: A
      condition: and fd.name contains shadow
      override:
        condition: append
loads
canonical A => (evt.type = openat and (proc.name = cat or proc.name = dog) and fd.name contains shadow)
matches A
