# What does not load, and in which words.

error proc.nobody = x => filter_check called with nonexistent field proc.nobody
error proc.nobody[1] = x => filter_check called with nonexistent field proc.nobody[1]
error tolower(proc.nobody) = x => filter_check called with nonexistent field proc.nobody
error proc.name = val(proc.nobody) => filter_check called with nonexistent field proc.nobody
error evt.type = nosuch => unknown event type nosuch
error evt.type in (open, nosuch) => unknown event type nosuch
error evt.type != nosuch => unknown event type nosuch
error proc.pid contains 1 => filter error: 'contains' operator not supported for numeric filters
error proc.pid startswith 1 => filter error: 'startswith' operator not supported for numeric filters
error proc.pid glob 1* => filter error: 'glob' operator not supported for numeric filters
error proc.pid regex 1 => filter error: 'regex' operator not supported for numeric filters
error proc.pid pmatch (1) => filter error: 'pmatch' operator not supported for numeric filters
error proc.pid bcontains 01 => filter error: 'bcontains' operator not supported for numeric filters
error proc.name bcontains 01 => filter error: 'bcontains' operator not supported for string filters
error proc.name bstartswith 01 => filter error: 'bstartswith' operator not supported for string filters
error evt.is_io < 1 => filter error: '<' operator not supported for numeric filters
error evt.is_io >= 1 => filter error: '>=' operator not supported for numeric filters
error evt.buffer icontains x => filter error: 'icontains' operator not supported for buffer filters
error evt.buffer glob x => filter error: 'glob' operator not supported for buffer filters
error evt.buffer regex x => filter error: 'regex' operator not supported for buffer filters
error evt.buffer < 1 => filter error: '<' operator not supported for buffer filters
error fd.sip contains 10 => filter error: 'contains' operator not supported for ip address and network filters
error fd.sip < 10 => filter error: '<' operator not supported for ip address and network filters
error fd.snet > 10 => filter error: '>' operator not supported for ip address and network filters
error fd.types = file => filter error: '=' operator not supported list filters
error fd.types contains file => filter error: 'contains' operator not supported list filters
error fd.types regex "f.*e" => filter error: 'regex' operator not supported list filters
error proc.pid = abc => abc is not a valid number
error proc.pid = 1x => 1x is not a valid number
error proc.pid = "" => is not a valid number
error proc.pid = 9223372036854775808 => 9223372036854775808 is not a valid number
error user.uid = 4294967296 => 4294967296 is not a valid number
error proc.pid in (1, two) => two is not a valid number
error fd.sport = 65536 => 65536 is not a valid number
error fd.sport = nosuchservice => unrecognized protocol nosuchservice
error evt.is_io = 1 => filter error: unrecognized boolean value 1
error evt.is_io = TRUE => filter error: unrecognized boolean value TRUE
error fd.sip = 1.2.3 => unrecognized IPv4 address 1.2.3
error fd.sip = 1.2.3.4/8 => unrecognized IPv4 address 1.2.3.4/8
error fd.sip = ::xyz => unrecognized IPv6 address ::xyz
error fd.snet = 1.2.3.4 => unrecognized IP network 1.2.3.4
error fd.snet = 1.2.3.4/33 => invalid netmask 33
error fd.snet = ::1/129 => invalid netmask 129
error evt.buffer bcontains 123 => filter error: bcontains and bstartswith operator support hex strings only
error evt.buffer bcontains xyz0 => filter error: bcontains and bstartswith operator support hex strings only
error proc.name = val(proc.pid) => field 'proc.name' has type 'CHARBUF' while the right-hand side field 'proc.pid' has incompatible type 'INT64'
error proc.pid = val(user.uid) => field 'proc.pid' has type 'INT64' while the right-hand side field 'user.uid' has incompatible type 'UINT32'
error proc.aname = val(proc.name) => field 'proc.aname' doesn't support right-hand side fields
error proc.name = val(proc.aname) => field 'proc.aname' can't be used as a right-hand side field
error fd.snet = val(fd.sip) => field type 'IPNET' doesn't support right-hand side fields
error fd.ip = val(fd.sip) => field 'fd.ip' doesn't support right-hand side fields
error fd.name regex val(proc.name) => operator 'regex' doesn't support right-hand side fields
error evt.type = val(proc.name) => right-hand field comparisons on `evt.type`/`syscall.type` checks are not supported by event code search
error tolower(evt.type) = open => event code search does not support `evt.type` checks with transformers
error toupper(proc.pid) = 1 => can't add field transformer: type 'INT64' is not supported by 'toupper' transformer applied on field 'proc.pid'
error len(proc.pid) = 1 => can't add field transformer: type 'INT64' is not supported by 'len' transformer applied on field 'proc.pid'
error b64(proc.pid) = 1 => can't add field transformer: type 'INT64' is not supported by 'b64' transformer applied on field 'proc.pid'
error tolower(proc.aname) = x => field 'proc.aname' does not support transformers
error toupper(fd.ip) = x => field 'fd.ip' does not support transformers
error concat(proc.name) = x => concat() requires at least 2 arguments
error concat(proc.name, proc.pid) = x => concat() arguments must be strings
error concat(fd.types, "x") = x => concat() arguments must be strings
error join(fd.types, ("a")) = x => join() first argument (separator) must be a single value, not a list
error proc.name regex "a{1001}" => invalid regex pattern: invalid repetition size: {1001}
error proc.name regex "(" => invalid regex pattern: missing ): (
error proc.name regex anyof ("a.c", "[") => invalid regex pattern: missing ]: [

warn proc.name regex "^bash$" => regex check with '^bash$' may be optimized with simpler operators such as '=', 'contains', 'startswith', 'endswith'
warn proc.name regex ".*sh" => regex check with '.*sh' may be optimized with simpler operators such as '=', 'contains', 'startswith', 'endswith'
warn proc.name regex bash.* => regex check with 'bash.*' may be optimized with simpler operators such as '=', 'contains', 'startswith', 'endswith'
warn proc.name = proc.pname => 'proc.pname' may be a valid field misused as a const string value
warn proc.name in (a, proc.aname[1]) => 'proc.aname[1]' may be a valid field misused as a const string value
warn proc.name = "tolower(proc.pname)" => 'tolower(proc.pname)' may be a valid field transformer misused as a const string value
