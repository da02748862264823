# Output templates.

scene
  user uid=0 name=root home=/root shell=/bin/sh
  proc pid=1 name=init exe=/sbin/init exepath=/sbin/init
  proc pid=10 parent=1 name=cat exe=cat exepath=/bin/cat args="-n /etc/passwd"
  fd pid=10 num=3 type=file name=/etc/passwd
  event read exit @tid=10 res=3 data=abc fd=3 size=3

print plain text => plain text
print %proc.name => cat
print name=%proc.name pid=%proc.pid => name=cat pid=10
print %proc.name%proc.pid => cat10
print %proc.name. => cat.
print [%proc.name] => [cat]
print %proc.name[%proc.pid] => cat[10]
print %proc.name:%proc.pid => cat:10
print <%5proc.name> => <cat  >
print <%2proc.name> => <ca>
print <%3proc.pid> => <10 >
print <%1proc.pid> => <1>
print 100%% of %proc.name => 100% of cat
print * %proc.name => * cat
print %fd.sip => <NA>
print <%6fd.sip> => <<NA>  >
print %proc.aname[1] %proc.aname[9] => init <NA>
print %proc.cmdline => cat -n /etc/passwd
print %toupper(proc.name) => CAT
print %basename(fd.name)! => passwd!
print %len(fd.name) => 11
print %toupper(basename(proc.exepath)) => CAT
print %concat(proc.name, "(", proc.pname, ")") => cat(init)
print %evt.type %evt.dir %user.name => read < root
print %fd.types => (file)
print %evt.arg[0] %evt.arg.res => 3 3
print %evt.rawres => 3
json %proc.name => {"proc.name":"cat"}
json %proc.name %proc.pid %proc.name => {"proc.name":"cat","proc.pid":10}
json %fd.sip => {"fd.sip":null}
json none => {}
json %9proc.name => {"proc.name":"cat"}
json %len(fd.name) %toupper(proc.name) => {"len(fd.name)":11,"toupper(proc.name)":"CAT"}
json %fd.types => {"fd.types":["file"]}
json %evt.is_io => {"evt.is_io":true}
badoutput %not_a_real_field => invalid formatting token not_a_real_field
badoutput text % more => invalid formatting token  more
badoutput ends with % => invalid formatting syntax: formatting cannot end with a %
badoutput ends with %12 => invalid formatting syntax: formatting cannot end with a number
badoutput %fd.ip => fd.ip is filter only and cannot be used as a display field
badoutput %5000proc.name => a field's width is limited to 4096
badoutput %tolower(proc.pid) => can't add field transformer: type 'INT64' is not supported by 'tolower' transformer applied on field 'proc.pid'

scene
  proc pid=10 name="a\"b\\c" exe=x args="\x01\x7f \xff"
  event close exit @tid=10 res=0 fd=3
json %proc.name => {"proc.name":"a\"b\\c"}
json %proc.args => {"proc.args":"\u0001\u007f \\xff","proc.args.base64":"AX8g/w=="}
