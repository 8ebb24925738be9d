;; The inner loop of the mbox encoder, sixteen bytes at a time (WebAssembly SIMD).
;;
;; Assembled into store-kernel-bytes.ts by `node test/assemble.mjs`; a test assembles it again and compares.
;;
;; Memory belongs to the caller. The two bytes before the input must be no CR; sixteen bytes behind it must be readable,
;; what they are does not matter. The output needs room for six fifths of the input and sixteen bytes more.
(module
  (import "store" "memory" (memory 1))

  ;; Whether the line at `at` is one that a reader would take for the start of a message: `From ` behind any number of `>`.
  ;; The line must have its LF.
  (func $isFrom (param $at i32) (result i32)
    (block $quoted
      (loop $more
        (br_if $quoted (i32.ne (i32.load8_u (local.get $at)) (i32.const 62)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $more)))
    (i32.and
      (i32.eq (i32.load align=1 (local.get $at)) (i32.const 0x6d6f7246)) ;; "From"
      (i32.eq (i32.load8_u offset=4 (local.get $at)) (i32.const 32))))

  ;; Encodes the whole lines [at, to) into `out`: CR LF becomes LF unless another CR is before it, and a line that looks like
  ;; the start of a message gets a `>`. Returns where the output ends.
  (func (export "store") (param $at i32) (param $to i32) (param $out i32) (result i32)
    (local $v v128) (local $feeds i32) (local $k i32) (local $c i32)
    (block $done
      (loop $line
        (br_if $done (i32.ge_u (local.get $at) (local.get $to)))
        (local.set $c (i32.load8_u (local.get $at)))
        (if (i32.or (i32.eq (local.get $c) (i32.const 70)) (i32.eq (local.get $c) (i32.const 62)))
          (then
            (if (call $isFrom (local.get $at))
              (then
                (i32.store8 (local.get $out) (i32.const 62))
                (local.set $out (i32.add (local.get $out) (i32.const 1)))))))
        (loop $vector
          (local.set $v (v128.load align=1 (local.get $at)))
          (v128.store align=1 (local.get $out) (local.get $v))
          (local.set $feeds (i8x16.bitmask (i8x16.eq (local.get $v) (i8x16.splat (i32.const 10)))))
          (if (i32.eqz (local.get $feeds))
            (then
              (local.set $at (i32.add (local.get $at) (i32.const 16)))
              (local.set $out (i32.add (local.get $out) (i32.const 16)))
              (br $vector))))
        (local.set $k (i32.ctz (local.get $feeds)))
        (local.set $at (i32.add (local.get $at) (local.get $k)))
        (local.set $out (i32.add (local.get $out) (local.get $k)))
        (if (i32.and
              (i32.eq (i32.load8_u (i32.sub (local.get $at) (i32.const 1))) (i32.const 13))
              (i32.ne (i32.load8_u (i32.sub (local.get $at) (i32.const 2))) (i32.const 13)))
          (then
            (local.set $out (i32.sub (local.get $out) (i32.const 1)))
            (i32.store8 (local.get $out) (i32.const 10))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $out (i32.add (local.get $out) (i32.const 1)))
        (br $line)))
    (local.get $out)))
