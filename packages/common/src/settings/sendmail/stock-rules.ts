/**
 * Digests of the rules that Sendmail's m4 files make (rule-shape.ts says of what), over all FEATUREs. Printed by
 * test/settings/sendmail/print-stock-rules.ts.
 */
import { DIGEST_LENGTH } from "./rule-shape.ts";

/** The Sendmail that they were made by. */
export const STOCK_VERSION = "8.17.1.9";

const NAMES =
  "A AddDomain BCC BadMX Basic_check_mail Basic_check_rcpt Basic_check_relay CanonAddr CanonLocal Canon" +
  "ify2 ConnControl D DANE_disabled Delay_TLS_Clt Delay_TLS_Clt2 DomainMapLookup E EnvFromL EnvFromSMTP" +
  " EnvFromUD EnvFromUUD EnvToL EnvToSMTP EnvToU F FromU FullAddr HdrFromL HdrFromSMTP HdrToL HdrToU LD" +
  "APExpand LDAPMailertable Mail11From Mail11To MailerToTriple Mailertable MasqEnv MasqHdr MasqRelay Ma" +
  "sqSMTP Parse0 Parse1 ParseBcc ParseLocal ParseRecipient PseudoToReal RateControl Rcpt_ok Recurse Rel" +
  "ayTLS Relay_ok STS_Check STS_SAN STS_disabled STS_secure SearchList Set_SNI TLS_NameInList TLS_conne" +
  "ction TLS_req U authinfo bcc canonify check_compat check_mail check_other check_rcpt check_relay che" +
  "ckmail checkrcpt checkrelay clt_features final greet_pause localaddr max parse queuegroup srv_featur" +
  "es tls_client tls_clt_feat_acc tls_clt_features tls_rcpt tls_server tls_srv_features trust_auth try_" +
  "tls";

const DIGESTS =
  "+2Xo8+3zgO+FZug+HHAJ+IGlP+IdCS+M64z+OrNC+X72l+ctpz+kecM+m5fB+rF8++vpwk+zQrQ/3W50/4Vkp/51dP/CYi5/KOmy" +
  "/UcuV/V1Qu/WkKw/a8W2/d1Km/f7lo/gXii/lydD/m4kU/u2AY00lYu06wwy07nSP09BzM0BSIO0ISr80KBD70MMn10Nlbg0Qj11" +
  "0TIcn0ZBxe0ccoH0r8VS0rku61+MKf1+v1s1CDkM1FNDY1G/Dx1LYa11Mn8D1Nibm1Xs111kg7A1tWGb1zTRi2+83O2B0To2CwRI" +
  "2E7PQ2IjNZ2Mgkm2MnN82NUeq2OpUO2SVSB2SZaw2Um1V2V3A02c6ya2kYxE2ldgC2x4CU2xmNg33sxI36sJr38IEu3GnNE3OEho" +
  "3SgU43Tea83YFDP3gdjD3kbFV3miQN3og9M3pglb3qBga3r5kE43Y2e4Fpyv4KtQn4KzFs4Ryrn4X3A74Zds54afV84y8Mf5+x21" +
  "5CkhT5KKST5OcH05VALh5XNJH5dMAm5fBQT5h6Jn5h7ih5lYsa5m1ZO5ncgv5qsw65tPig671IN6IBT+6OKfX6b8u16gl2b6iIew" +
  "6o1SI6qvQy6rtWt6tsY+6wBwH6xarN6xlcu7/oVj71XGt75lGj76bm67AARL7B9QD7EU617S2cf7SXvZ7TVOA7W7bD7geXq85Uo4" +
  "87+ak87Thd87bmC8APma8L1iL8L9XM8SMyt8b9LS8bS/I8dOZy8fKGR8l5Yg8mSIK8mcBb916rg93MTj94CUJ9CTX99CpNL9ExZ4" +
  "9svFF9vXnAA2PbjA32v3A38kNA8qQmA9cTRAAHTjAGH1fAGSjzAIEkLAJLmvAP8F9Ab2WhAd71qAn3NoAvrv7AxFuSB/lZRB0zf5" +
  "B2TFRB3wTNBAIlvBHxvfBNmE/BR9SrBWiGNBazxBBfvC9Bj8qoBwn2eBxUkhC1qqzC3UUSC93LxCL2sFCPKWDCTiS2CZ9pECjY9M" +
  "ClWOCCo5IvCvd9jCzAr6D1JbPD24HSD3suuD8uVfDAsW0DDR5LDL2XRDLyFKDQ1ktDf+KkDqXRcE7eG+EAS6OEEvpkEMURWEPiw+" +
  "EWkqfEXDXaEbrnfEc85sEgyJhEhhRmEjRYaEmjxwEuXuiF2hzCF9NC1FJD34FJzy8FWOswFX9rUFXxG7Fa+oIFd3sSFmhlvFxTD2" +
  "G1nNkGD+ffGJHxeGOIDZGQ29JGZf1iGeiNIGgJytGm5GzGnl9CGsOHgGsgafGuT62GuhohGvK55GwX8xGwovdGzrQPHDH11HDKj+" +
  "HE/UgHH2ZlHHp4OHHy+SHmxQAHpQXbHwNDYHzaaaIGNtZISi95IdxZcIhjh3IniYOIxp0qIzdBGIzvToJ0bunJ2G+TJ5oDTJ6FZ8" +
  "J8ywUJCbBLJIXWQJdDtnJdrA2Jfr57JjYX3Jn0pBJoeyGJvay6K/o96K09GMK1bdNK47w5KEH0TKSNOQKanaTKcemJKlB3fKnDQ0" +
  "Kp9DKKueYoL/yitL1icoL6JiQL99HYLF/uhLHqR7LPnYGLQDe3Ljd3xLvEfiLyk1qM+l3zM45TzM5/3LM7UcfMAkN3MHNLHMMGWa" +
  "MOedbMfDanMmVfrMn3z/MqOkhN3Qn6N6v7IN9bCZNDAuNNDNgDNH2Z9NHHeUNJzyHNL00yNNei6NV7GrNb1N0NdAZ4NhvuPNiOpp" +
  "No9URNpFf1NrUqKNzQYDO0bkUOMTreOMsqtONP49ONbGtOT1mEOW6XLOYjV9Oc8jQOg7cNOgQxBOrDl6P2cOtPBYjKPIP9kPKBB/" +
  "PMYcjPOCGZPQHeaPRNAfPUjZpPZLmzPd5WwPmwBfPo1tQPst+hPwo7dPxcboQ1U+uQ8wl8Q9tZgQI2xMQKmJJQPttgQR+jKQRUAD" +
  "QXPK5QhMfJQkI8YQmd86Qql3WQtTdcQyhAVR5KcjREc/DRKG5GRKqPwRReZeRRiHIRadYdRd/s2RdzvNRkmXIRl8QcRlQyqRlaOM" +
  "RnsVTRtkucS1BbDS6d+BSLwDJSRSBGSU2D8SUrPfSe0vVSlzQ9SrddMSub0+SwbjdSwbuwT/oLsT7GwWT7T4KTA9iuTHRikTKRDz" +
  "TRRt3TTgEJTVutGTXG+4TlAWHTluKxTmRsKTmzSRTob51TorCNTp0wqU/YB+U62diU6WziU7zWYUC/WaUFKbLUGQtVUJXV0ULI2w" +
  "UMxCzUO0aGUPkEVUYaNFUYefxUbdqOUcjGgUj9J5UxnFPUzUsAV0diNV1nUNV3XNYVJ5MDVLXfcVMLR/VOw1hVQarkValqCVfBBj" +
  "VlFXxVmH/EVoB3sVyhzHVzTwEW/QVXWJZ8PWOnf5WPZbHWPjVXWU/ySWXavEWbkjHWbzipWpHyOWpKxcWsxOZWtF/rX3lyVX7zj3" +
  "X9+uOXHZHNXP6n8XRObdXX9fVXffgKXgvmQXkS/SXrZ8qY2l51Y4P2rYBke4YGUP7YIHNuYIm2uYKdoZYRZ9TYSjx4YTRfaYXSAi" +
  "YYuUyYa7mRYkEBjYqXTOYwEt5Z+oPAZ0V5HZ3GVlZ6w+9ZOLzVZRQCeZT74UZeJtmZt5pgZtPIvZwJ5KZxZWNa16Fza260faBHXh" +
  "aBVaAaEo5HaFgIjaJZ2kaN7vPaNTLIaOITNaQXvGaZTEIaZpTZacXzfaea4man01Kawko+awpFpb0SoUb28Wib29I/b3bj0b6//7" +
  "bCw+ibCx8XbRZ4wbYpmpbcE14bevjbbqR3FbqwhpbxgmQc5y9lc6TwCcLL7DcRSG0cTq/IcUYNNcap8CcayIIccwuccejztcgrUO" +
  "cj9jUckXG5cqkT8d5YAPdCUJtdR5i1dUzTYdVwpxdeMqHdezZDdjYeIdlO0Odshf8dwe7+dzHCoe40qIeGGlUeGnS4eJe8meK2w8" +
  "eQ4VOeQzrceb3YCegEMveiyoDepJhtevYJbeyPGuf1xqYf1yONfQqVRfUXp/fXB79fphF3fr8X8fsr0AfzRPog+SpOg6maMg8G1N" +
  "gDIo2gQ0GsgQ6AKgUSXpga8NvggWK3gjypbgqN/Dgs8Mdgu25Ygx00/h0cNfh5gyph6XSQhNEophRWOthUdyFhc8RrhdvTchlh0m" +
  "hlx7uhmHPGhmVHwhojAghw1QHi+taji0mdLi1DNBi2g1giHPqfiJG7biPLaTiSGjMiUVWuiW0KtiXLLgic7t3ifsMvikoB1ir4tB" +
  "irnFfixannj1hSRj4s/FjDVqhjNawZjbUgJjjD3UjpUgbk/qOlk3MZyk3syRk8B/Fk8iqakB4rykGWQOkHrRMkRqyDkTnsxkW3yM" +
  "kXNtrkaZFRkgq7UkiGsJkjBe4kjcROkrOeqkv7FXl+nGxl25YVl6W5zlBFj5lSEanlWGUflZxfnlagVwloorUlrLkflvgERlxd6u" +
  "m/ljSm/obam2iaRm9AEjm9xodmBjUMmC45smC80smHx8rmLTQumLaBCmOEMumOqo3mXJGHmYAOpmYPWEmin0uml9E8moEXkmpOp9" +
  "mtTremyTMKn+ilun02Pqn0gPNn2P9Zn7Qujn7kgcnFpWfnMw6hnOqEXnpADFnw97TnzOe3o4OdAo6Eqao7cdwoDQHboE94roHea4" +
  "oKG0KoRLb+oSN8koZgBzof3v+oz7qxp0QPKp4kJfp9fsfpFFjOpKjwvplOIGplvNVpoPzkq0z1aqBXbCqD7NuqDhzTqE5+aqMe4W" +
  "qRKC0qZqGaqi9ilqwi+dr3OiIr7Hirr8AMOr96T/rMB/srO30yrRAAwroHNnrordrrvhBZs3TD5s9MeesAU/XsH8CHsKo5FsOHUj" +
  "sOOEQsS6wfsXwjZsYQHSsZ/zmse8K7skFeUsp0QMt/TCCt6PzYt9trQtOAk6tQS8rtQn37tS7HTtW7fxtYk3HtbT2fte68ntlGpi" +
  "tr9WttvbDDtxKiltxoFGu4cU6u596Iu8j9Yu9GnmuBCDCuDG8euTuUruUl4puWHi1ujnHuulXmBumhAqupAKuv+GuRv/vjav5JRW" +
  "vAPG9vBaVVvExGsvFV3evITfzvIYj0vK8ONvP9g1vjjnQvwZ33vxGaJw/6Cxw470twCPlPwD5imwHoCOwLewvwT+wtwXiavwlWZ4" +
  "wlXEDwvBBWwzS9/x2JMQx7JpZxCCJWxPb2AxYkihxaqf3xe+ovxfnhTxjCEqxmKzCxxKs4y8QEUyFj1EyLK6tyLb/IySwX8yY88m" +
  "ybr5myglm/ykdmrylYVjymqg2yuHT4z/xwFz1HGoz9E+czAuMMzBU5lzF38pzFtouzIA8gzMBv5zQxJszR/PKzWMHWzcJlbzeJfx" +
  "zgpIOzhgJzzhs0JzmD54znx2PzwuN9";

/** Names of its rulesets, and the numbers that older files have in their place. */
export const STOCK_RULESETS: ReadonlySet<string> = new Set(
  `${NAMES} LookUpDomain LookUpAddress LookUpFull LookUpExact LookUpUser 0 3 4 5 90 93 94 95 96 97 98`.split(
    " ",
  ),
);

let known: ReadonlySet<string> | undefined;

/** Whether a digest is one of them. */
export function isStockRule(digest: string): boolean {
  known ??= new Set(DIGESTS.match(new RegExp(`.{${DIGEST_LENGTH}}`, "g")));
  return known.has(digest);
}
