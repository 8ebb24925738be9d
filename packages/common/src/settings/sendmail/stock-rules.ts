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
  "+8DiW+B2YR+RG/X+TNAR+Uw5A+WJRj+aeZN+eiqW+miY8+p4F8+zO98/4o02/8YJc/AocU/G/l7/GLO4/WXrs/XNwp/Xnz2/dGAp" +
  "/fK3M/fjGU/sVGG/sYO3/wWEK/xpf7/yXGz0+1/a0/NX305Vml06hbh0Bmoq0BpA70GbuH0Kd4B0M06X0NdZO0O6mE0QSTz0YtqS" +
  "0g17e0gqSn0j/Sy0jZCd0jo/m0kBS20nem40pGRt0pWaR0rG630rW350seWB0w/cL0wKSp1//Yh1/mMf14iZK1JxLZ1Mtjb1f31a" +
  "1jNYX1yT9a1zE9t24Dkc28SRU2CvUc2JTii2OBjP2V2Xr2W0Rq2WCVn2X0J12dAvx2f1J12hhM82k9Xd2sMFh30CHW37sK23Aa7g" +
  "3CPlK3CkIB3ERsZ3FN/r3Ozg43PqPO3Q/es3RFRV3RNYo3RuCS3b02k3cUrt3dpUU3eF6I3g7jr3jGPa3nYIE3vRVc4+abG4+iDs" +
  "4/E2G47ho74Bfur4KBya4QSSH4WxpI4Wz+T4cpBO4dvs+4gGEp4hEK64mgDI4mtuF4pm1n4vMi74xrcp4yxke5+u4u52JjS54JOw" +
  "55Ao05909259gCz59iw459wHq5AD445Gyvj5OHlq5RGBF5YmSo5Yndd5aHmi5cqGH5egg65hTBO5pg8o5sQD55uAjg6+OLB60sEy" +
  "68UuG6ApmG6FiI26G8/p6GEAR6JQrd6KZlv6PKP26URY/6ZSU46bACv6boX+6m1IY6mPkd7CmYJ7DRKG7I4FN7IxBW7OzUR7TFqz" +
  "7VA1D7XQf57b8Tr7dup87h6Dy7i9PS7mM8i7urAp84+H0848LO85GL58BN9a8DIrN8HMlG8Le8J8QE1v8USv88UzQU8WgUa8fjpi" +
  "8s+EW8uBK68wNd28x4v791c9x98PWC9CUN/9GBtu9IP179SsDL9ZK9c9ZSTl9aql39b9CF9cfuC9fHK29fktD9x7Uf9xSpFA+fnF" +
  "A/BosA6ILpA6f26AAIBAAGaLZAJwqHAMC+GAQVrPAfRLcAl513AlXlmAmNfnAmi9wAodA1ApmM7Asy81Atp79AyIo1AzLJ+B01J2" +
  "B5RRZB7uk7B9u5TBBDFdBEGy6BFEpwBNqoEBP2tSBVK6rBYk5sBZgumBcSybBhuM1BwgR8Bxa1UC8+EbC8cL6CC0tyCP5LGCPSzb" +
  "CQcZ5CQo4OCYwzwCYzGuCdQfQChcFCCheyMCkJy4CkZU1Cl8SMCp4LlCroA/CsKVlD/d4gD1kwGD73/ND7k2qDFx5nDK+zIDUuwB" +
  "DVXRADWLu9DX+IrDZQzuDbcoyDcYXeDcu9SDi2IADi9bbDlCkfDrqndE+iSSE0pvxE9DdWEBmRUEGSG1ERO2lETjM4EYrRoEaK+e" +
  "EdBazEmdncEoYZVEpyqOEshL1ExyljF9Rk6FD5kaFFkIgFGTegFIPnVFJQ/KFNnefFQW/UFXSSyFZa0CFitr0Fk6dtFvj0XG38K6" +
  "GEFY4GEit7GFkARGIqlMGLQE2GMT3IGNK+nGNR8LGQnbvGRbyJGVDIbGXaClGeiflGj4pIGkEX3Gms7PGor3MGpCsIGpkuZGrM5Z" +
  "GxSH1H/cZiH03dMH6ndtHB6N/HE0ozHFHsZHKedzHLk9wHR/uVHUtE4HWSLbHa/ScHa12RHboTZHdcU7HmodHHnlvYHroc6HuqYI" +
  "I/aNSI1EUpI2tSfI3/7LI3wn7I4+fUI8/UFIBoFbIByMMIF4kwIHCesIITi+IJcCYILh3NINoiwIQ4ULITf7XITv31ITx/xIXkLb" +
  "IYOZxIZa1ZIam4YIff3oIhBzuIlV79Is/PNIwGB3IyDarJ/fE4J1pXyJ29DQJ9BocJFDQjJMP3lJMqiGJObcoJQ56dJaXGiJhUc+" +
  "JoY7mJvXEUJygWcJz7/mK6d51K8B4yKGLijKHnMaKHtCnKLvHkKLvdWKMT3BKNjnLKOa6WKPQWCKPoPwKQaAAKRHYEKTgwdKpaP7" +
  "Kt9n1L1+gIL7wB5LCMV6LCONSLP/yILPIoBLWzSSLXqNILb3gqLgH+QLgTlNLkbd8LknmFLpVp4LpkWHLs4LTLyncEM09SkM5nI3" +
  "MET1aMM2PFMMQySMWOCxMYfo6MafoeMb1kaMbYJfMcHNLMeoXlMj+P9MkAMQMl4OOMr/DmMtZz1My2mOMyD70N+AwxN41ZtN5bCy" +
  "N8dcFNAJ8nNJ962NRn5wNYcIQNbniXNlm5NNoo4iNqpb1Nr6IuNspS6Nzcs8O+78dO3QUNO3UfzO7XVKOKXmGOLXubON8NsONOOk" +
  "OSxRwOTH00OZl93Oci4qOdMpROeTnoOg9SPOmi8POn0P1OsJuuOsx+QOzqs/P1WqRPBXwkPD1uCPLXL0PRx/OPT8kHPTTHbPTreR" +
  "PVBHZPYO2CPh5POPiTSbPnOsXPqJfdPwOeKPwQ0OPxUSePy2StPy5s5Py7ucPy9+4Q/Df4Q6/J6Q8yVTQCXIFQLoT7QUQTfQWFjF" +
  "QbZE1QgKpGQjcn/R03geR07PER1GskR2aIARAe9uRD0fwRDh3wREdlXRJyioRQPHLRVOnmRaSSdRansRRgmBbRk4uQRluAHRp+/i" +
  "RqmMRRr8OmRrAT4RvQRJRwB6ERwPaIS+mOwS67FwS7zFGS8qguSAqDUSHRFqSIo/7SM616SMZwuSWsqISlV95SmW9oSq072SqUOo" +
  "SykS3T+TpFT/0BZT4ufLT55CzTBSbtTDt70TKLK4TRELRTYIdLTYmWKTZJZDTZqvrTanW1Tb/BKTbMLMTdfGpTfDCbTj5sCTkYW0" +
  "TmDwBTqvwuU/nXqU09DsU0lqjU5HRVUJ0HjUM3ZJUn0MQUxebfUxz6GUyFtjV+CN+V+DzMV7ItWVKL9nVNvf5VV8/8VWUbTVXyog" +
  "Vcd59VeMGSVg65dVoFbjVupQWVvbdiVxEhbW1mV5W318lW56EnW8qb6W9HIUWBTBSWNi77WSLrsWSj5VWp7QQWrGeFWrtS3WwRWM" +
  "WwaW+WzBgnX2NKSXE27sXKdojXMhrmXOf4WXTQMWXWR6OXXUtSXXoLcXeWn0XtbVeXxEGSXxGWOY1I0mY2DnNYF6BWYGldwYH/PT" +
  "YRKADYV8kPYdr5fYkAqiYlbmEYtK98YtNqAYxZ0/Z3KaWZ3jIvZ6qsHZ7yvhZ95t4ZAxbMZBM+7ZBZRaZCSaSZMeDHZOHY0ZRnvU" +
  "ZUdxZZVULzZb1YxZdaMdZdw/WZi06+ZjbJ/ZkyokZuqa+a2Mu6a3mY6a3ypta5vSxa89aZaBlluaBzwZaFse8aPoKNaU5UfaUP6r" +
  "aXiuIaZX3eadGUjakLEJalyX7atzKpauJdVavJ24avi+3awo6Ab4ohHb8Ib7b9yQIbC58ubFXwAbMexybQ3KpbQpRVbWjkKbX5lB" +
  "bbkYhbcebYbewhebqR7ZbsgpAbxFtibybsIc8Ve/cBY3YcGEkncIjYCcMsaKcPeNJcbTF3cdsHycezhMcfXGkchz0lckzjbclK5k" +
  "cnibCct71NcvWZJd+KtRd3JL6dBsFgdI3fgdJWsWdXGpSdXOmndYPa5dgzOQdiTrrdjJ21dkGdRdozJDdpRgudtQerduknsdv0Wf" +
  "dvU7RdzPPne2+sceEmnMeImhueUpZAeVUOMea3eveaGL4ef8PoeniKgetQhYewtUifCzo2fDdf8fDzKHfEnEAfH2RbfHwYnfKhOJ" +
  "fLAw1fNR0rfO0HBfOm9tfRGX8fRuKHfUvVafUwAXfcJJyfeFWefg9qifh/7CfhvpXfjeXtflu3vfm6rafqcgsfsvJhfuRQug/7dU" +
  "g0UzRg1t3cg39PQg7GhQgBiBAgDQjigEhkzgGatzgJfhOgL6iOgOBxNgP7cVgPVrugR13fgTh88gVuWdgWIbEgaG6bgi2xGgrkuO" +
  "gvFash05DMh130oh39QIh8pchhELw1hF4nIhFT4phGRKShNtMGhOWiYhPn09hTts2hVzCehY9xJhddKvheaXhhhgH2hkZiEhn9qN" +
  "hsp7ihuE/IhueSMhwSh0hy5JBi+dv7i6aOai7NnZi9toLiCwyoiIrOQiMslkiQGqPibun9imDbKiq2DGj0IeSjCYA4jCpHTjJJD4" +
  "jVPPpjXk+DjYbKqjaA6GjcCRMjg/mHjiN7BjlapsjrZIGjzm9+k+/Fyk5epvk9+yuk9Ri3kA6vTkB2FzkE4AwkNDgzkTjPVkUqIL" +
  "kX+cukX8NykY2jqkajuWkuAoXkuYLdkuh6mkvFfZl+EDbl/qrXl01vfl1gEUl4+mFl4N/+l4Z4+l96CDl9enGlB5c2lEdiilG+Wg" +
  "lGqlGlP7VnlPTv4lYNQNlYk4nlg2bGlgychliL+2lnlpblq0RTluQEWlxqOMlxw7/m+G9Fm1rtZm8I9tmKEG2mKwvImMGmNmWj9B" +
  "mYaaJmbdlfmbjfkmdrKNmfKV2mgmuimhO0FmnWgpmpVUwmsRpemslRwmvjwsn/JoGn0vqCn2Eizn5TNJn6WH/nCmrbnDvpJnLVBt" +
  "nOEWKnPhnUnQIrynTdQYnUG6dnUy9engqJKnhpzXnmcRhnp8umnqKd8nqz4wns397nw9hmnwuJco3OmCo500so6icAoBz0ZoDLCE" +
  "oH5BmoKTTMoTRQqoTfQ5oZkEEojWoiosHUpow+IgowW/eoyDtwozXx6p/CJWp0mGyp7hXCp9ZBVpUGqopbD3ipuN3Xpww9Wpzn8q" +
  "q3J0Bq5Z6YqFfgoqJja1qNrbfqOr0cqQ+J/qQtC7qUwgVqY04HqahJcqceU+qeavvqlzTVqqPCwqyNSur+C8lr1dTVr2LQsr3mWa" +
  "r7yM2r8aABrBEcdrCvnQrE0RZrNWxsrQiBfrRVdjrU991rXz6IrdF7LriiL2rk+O2rkgztrnRlmrvErKrysZGrzqses1CTss9m/V" +
  "s9uKysA/wosAZfSsHX3ssHqM3sN6tQsOfISsaCLMsfxu1sg2e5smop0snzAosoey5swaETt3SqSt6uOwt77GrtCAx5tJudjtLGL6" +
  "tP0Y6tXeCEtZ87atfeGdtjV/utnub8tqEK7tteKFtvWAltyR1pu19WOu4XikuCfbMuKF/iugG4yujRdXumEsluojsAuuj4Rv+i5K" +
  "v3YYmv9MdJvALuwvB2VgvC1VmvHRuuvHffevQrn6vVLlwvYoaYvbKC1veLJuviciKvkfpGvm1p8vpw12vqxLhvsLi1vstlIw/FUJ" +
  "w/Pvzw140Bw5Utpw5iomwCVJJwDayqwKgQowNCaFwNV9WwZM6uwdMTrwhS+TwitwVwnYfLwql2rwzHcJx+FtBx89u+xG4LPxIDHd" +
  "xTqSkxbL/vxcaTTxfRiQxgaEtxhnF8xiJWqxjQ08xm7unxnFDjxo3+exoFIgxou0zxu6ney+Q8Ey2rdMy3vYAy4LEry5Oa6yCrwf" +
  "yDhUSyDiQVyEwzXyLF65yMFoqyYzC+yaPzNye5IFyk02iymFjtyteayyvDaoyyao+yyy5Vyz0skz+dfPz+m2cz3215z7xD1z8u3W" +
  "zGNYlzHzRJzMWvyzOtaGzZzuGzaboozbGeWzjYgVzyuw9";

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
