"""The words of failure notices in the languages that mail systems write: tables, and how they are looked up.

Phrases are in the form of `folded`: without case and runs of blanks. They say that a mail was not delivered, or that it
will be tried again, or they are labels before an address or a reason. They never say what a failure means.
"""

import re
import unicodedata
from functools import lru_cache
from itertools import islice

from ahocorasick_rs import AhoCorasick

FAILURE = (
    # English
    "undeliver", "not deliver", "not be deliver", "not been deliver", "n't be deliver", "n't deliver",
    "n't been deliver", "nondeliver", "non-deliver", "unable to deliver", "able to deliver your", "able to be deliver",
    "cannot deliver", "can not deliver", "could not deliver", "failed to deliver", "fail to deliver",
    "failure to deliver", "trouble delivering", "trouble in delivering", "problem delivering", "error delivering",
    "problems delivering", "while delivering", "while attempting to deliver", "while trying to deliver",
    "error was encountered while", "delivery fail", "delivery has fail", "delivery error", "delivery problem",
    "failed delivery", "delivery attempt", "deliveries failed", "delivery is delayed", "delivery has been delayed",
    "not yet been deliver", "returned to sender", "returned mail", "return to sender", "is being returned",
    "was returned", "been returned", "has bounced", "was bounced", "is bounced", "bounced because", "been bounced",
    "did not reach", "didn't reach", "not reach", "not be reached", "n't be reached", "could not be sent",
    "couldn't be sent", "cannot be sent", "could not send", "unable to send", "was not sent", "not been sent",
    "failed to send", "failure notice", "fatal error", "permanent error", "permanent fatal", "permanently failed",
    "failed permanently", "transient non-fatal", "temporary error", "was rejected", "were rejected",
    "automatically rejected", "been rejected", "rejected your message", "rejected recipient", "rejected by",
    "refused to accept", "not accepted", "was blocked", "been blocked", "not receive", "failed address",
    "content checker found", "stopped the following e", "stopped the following message",
    "delivery of the email was stopped", "delivery of the message was stopped", "unsolicited bulk e",
    "days without success", "hours without success",
    "not be relayed", "has blocked a message", "has blocked your", "has blocked the ",
    "turned it down", "turned down", "still trying to deliver", "still in our queue",
    "failed recipient", "delivery errors", "unknown user", "user unknown", "no such user", "unknown recipient",
    "invalid recipient", "user not found", "no such mailbox", "mailbox not found", "no mailbox here",
    "mailbox unavailable", "unknown mailbox", "mailbox unknown", "unknown address", "address unknown",
    "invalid address", "invalid receiver", "no such address", "address not found", "no such recipient",
    "recipient unknown", "recipient not found", "account not found", "delivery delayed", "been postponed",
    "mailbox is full", "mailbox full", "over quota", "mailbox exceeds", "invalid final delivery", "unknown host",
    "error sending your", "error sending message", "error in sending", "error occurred while", "errors occurred",
    "has been delayed", "is delayed", "still undelivered", "bounce notification", "is not a known user",
    "does not have an account", "doesn't have an account", "unrouteable address", "unroutable address",
    "only a temporary failure", "temporary failure report",
    # German
    "nicht zugestellt", "nicht zustell", "unzustellbar", "zustellung fehlgeschlagen", "zustellung ist fehlgeschlagen",
    "fehler bei der nachrichtenzustellung", "fehler bei der zustellung", "zustellungsfehler", "zustellfehler",
    "nicht ausgeliefert", "nicht ubermittelt", "nicht weitergeleitet", "konnte nicht gesendet", "abgewiesen",
    "abgelehnt", "zustellung verzogert", "noch nicht zugestellt", "kam zuruck", "wurde blockiert",
    "nachricht blockiert", "empfanger unbekannt", "unbekannter empfanger", "benutzer unbekannt", "unbekannter benutzer",
    # French
    "pas pu etre remis", "pas pu etre distribu", "pas pu etre delivr", "pas pu etre achemin", "pas pu etre envoy",
    "pu etre transmis", "non remis", "non distribu", "non delivr", "echec de remise", "echec de la remise",
    "echec de livraison", "echec de la livraison", "echec de distribution", "echec de l'envoi",
    "echec de la distribution", "a echoue", "n'a pas ete remis", "n'a pas ete distribu", "n'a pas ete delivr",
    "impossible de remettre", "impossible de delivrer", "impossible de distribuer", "a ete rejete", "a ete refuse",
    "pas encore ete remis", "a ete bloque", "message bloque", "utilisateur inconnu", "destinataire inconnu",
    # Spanish, Portuguese, Italian, Catalan, Romanian
    "no se pudo entregar", "no se puede entregar", "no pudo ser entregad", "no puede ser entregad",
    "no ha podido ser entregad", "no ha podido entregar", "no se ha podido entregar", "no fue entregad",
    "no entregado", "error de entrega",
    "sido devuelto", "correo devuelto", "fallo en la entrega", "error en la entrega", "fallo de entrega",
    "entrega ha fallado", "imposible entregar", "no se ha entregado", "devuelto al remitente", "fue rechazado",
    "ha sido rechazad", "nao foi possivel entregar", "nao pode ser entregue", "nao foi entregue", "nao entregue",
    "falha na entrega", "falha de entrega", "erro de entrega", "devolvida ao remetente", "foi rejeitad",
    "foi recusad", "falha ao entregar", "nao foi possivel enviar", "impossibile recapitare", "impossibile consegnare",
    "mancato recapito", "mancata consegna", "stato rilevato un errore",
    "non recapitabile", "consegna non riuscita", "consegna fallita",
    "non e stato possibile consegnare", "non e stato possibile recapitare", "non e stato consegnat",
    "non e stato recapitat", "non puo essere consegnat", "non consegnat", "e stato rifiutato", "errore di consegna",
    "se ha bloqueado", "mensaje bloqueado", "usuario desconocido", "destinatario desconocido", "usuario inexistente",
    "foi bloquead", "mensagem bloqueada", "usuario desconhecido", "destinatario desconhecido", "e stato bloccato",
    "messaggio bloccato", "utente sconosciuto", "destinatario sconosciuto",
    "no s'ha pogut lliurar", "nu a putut fi livrat", "nu a fost livrat", "nelivrabil", "livrarea a esuat",
    # Dutch and the North
    "niet worden bezorgd", "niet worden afgeleverd", "niet bezorgd", "niet afgeleverd", "onbestelbaar",
    "niet bestelbaar", "is geblokkeerd", "bericht geblokkeerd", "gebruiker onbekend", "ontvanger onbekend",
    "bezorging mislukt", "aflevering mislukt", "kon niet worden verzonden",
    "kunde inte levereras", "kan inte levereras", "inte leverera", "olevererbart", "leveransen misslyckades",
    "kunne ikke leveres", "kan ikke leveres", "ikke levert", "ikke leveret", "levering mislykkedes",
    "levering mislyktes", "epaonnistui", "ei voitu toimittaa", "ei toimitettu", "toimitus epaonnistui",
    "ei voida toimittaa",
    # Slavonic, Hungarian, Baltic
    "nie powiodlo sie", "nie powiodla sie", "nie mozna dostarczyc", "nie mogla zostac dostarczona",
    "nie mogla byc dostarczona", "nie zostala dostarczona", "nie moze zostac dostarczona", "niedostarczaln",
    "nie dostarczon", "niedostarczon", "blad dostarczenia", "dostarczenie nie powiodlo sie", "zostala odrzucona",
    "nelze dorucit", "nepodarilo se dorucit", "nepodarilo dorucit", "nedorucitel",
    "nebylo mozne dorucit", "nebyla dorucena",
    "nie je mozne dorucit", "nepodarilo sa dorucit", "doruceni selhalo", "nem kezbesitheto",
    "nem sikerult kezbesiteni", "kezbesitese sikertelen", "kezbesithetetlen", "nije moguce isporuciti",
    "isporuka nije uspela", "ni bilo mogoce dostaviti", "nepavyko pristatyti", "neizdevas piegadat",
    "ei onnestunud toimetada", "не удалось доставить", "не удается доставить", "не доставлен", "недоставлен",
    "не может быть доставлен", "не было доставлен", "не был доставлен", "не могло быть доставлен",
    "невозможно доставить", "не удалось отправить", "ошибка доставки", "доставка не удалась", "было отклонено",
    "возвращено отправителю", "пользователь не найден", "неизвестный получатель", "неизвестный пользователь",
    "не вдалося доставити", "не доставлено", "неможливо доставити",
    "не може да бъде доставен", "не беше доставен",
    # Greek, Turkish, Hebrew, Arabic
    "δεν ηταν δυνατη η παραδοση", "μη παραδοτεο", "δεν παραδοθηκε", "η παραδοση απετυχε", "teslim edilemedi",
    "iletilemedi", "gonderilemedi", "teslimat basarisiz", "לא ניתן למסור", "לא נמסר", "תעذר", "تعذر تسليم",
    "لم يتم تسليم", "فشل تسليم",
    # East Asia
    "送信できません", "配信できません", "配信に失敗", "配送に失敗", "送信に失敗", "配送できません", "届けることが",
    "届けられません", "お届けできません", "お届けすること", "宛先不明", "配信不能", "配信不可", "エラー通知",
    "配送不能", "不達", "送達できません", "エラーメール", "送信エラー", "配信エラー", "送れません",
    "受け取られません", "拒否されました", "退信", "无法投递", "无法送达", "投递失败", "被退回", "未送达", "发送失败",
    "无法发送", "投递不成功", "退回给您", "無法傳遞", "無法投遞", "無法送達", "退件", "傳送失敗", "未傳遞",
    "寄送失敗", "被拒绝", "拒收", "用户不存在", "收件人不存在", "邮件已被屏蔽",
    "ブロックされました", "ユーザー不明", "未能送达", "未能投递", "전송 실패", "배달되지", "배달하지 못", "전달하지 못",
    "배달할 수 없", "반송", "전송하지 못",
    "전달되지", "전달할 수 없", "발송 실패", "전송되지", "보낼 수 없",
    # South-East Asia
    "khong gui duoc", "khong the gui", "khong the chuyen", "gui khong thanh cong", "ส่งไม่สำเร็จ", "ไม่สามารถส่ง",
    "tidak terkirim", "gagal terkirim", "tidak dapat dikirim", "gagal mengirim", "tidak dapat disampaikan",
    "gagal dihantar",
)  # fmt: skip
"""Says that a mail was not, or not yet, delivered."""

UNDELIVERED = (
    (r"\b(?:nicht|unmoglich|gescheitert|fehlgeschlagen)\b", r"\b(?:noch nicht|verzoger\w*|verspat\w*)\b",
     ("zugestellt", "zustell", "ausgeliefert", "ubermitt")),
    (r"\bnicht\b", r"\bnoch nicht\b", ("empfanger", "angenommen")),
    (r"\b(?:pas|impossible|impossibilite|echec|echoue)\b", r"\b(?:pas encore|retarde\w*|retard|differe\w*)\b",
     ("livre", "livrais", "parven", "remis", "remettre", "distribu", "achemin", "transmis")),
    (r"\b(?:no|nao|non|imposible|impossivel|impossibile|fallo|falha|fallit[ao]|error|erro|errore)\b",
     r"\b(?:(?:todavia|aun) no|ainda nao|non (?:e )?(?:stat\w )?ancora)\b"
     r"|\b(?:retras\w*|demorad\w*|atras(?:o|ad\w*)|ritard\w*)\b",
     ("entreg", "consegn", "recapit", "lliur", "hacer llegar", "chegou")),
    (r"\b(?:niet|mislukt)\b", r"\b(?:nog niet|vertraa?g\w*|uitgesteld)\b", ("bezorg", "aflever", "afgelever")),
    (r"\b(?:inte|ikke|ej|mislykk?ed\w*|mislyktes|misslyckades)\b",
     r"\b(?:annu inte|endnu ikke|enna ikke|forsen\w*|forsinke\w*)\b", ("lever",)),
    (r"\b(?:ei|epaonnist\w*|nurjus|ebaonnest\w*)\b",
     r"\b(?:viela|viivasty\w*|viivas\w*|veel)\b", ("toimit", "toimeta", "perille")),
    (r"\b(?:nie|blad|bledu)\b", r"\b(?:jeszcze nie|nie zostala jeszcze|opozni\w*)\b", ("dostarcz", "dorecz")),
    (r"\b(?:ne\w*|nie|chyba|selhal\w*|zlyhal\w*)\b",
     r"\b(?:dosud ne\w*|zatim ne\w*|zatial ne\w*|zpozd\w*|opozd\w*|oneskor\w*)\b", ("doruc",)),
    (r"\b(?:nem|sikertelen\w*)\b", r"\b(?:meg nem|kesleltet\w*|kesik|keses\w*|kesedel\w*)\b", ("kezbesit",)),
    (r"\b(?:nu|esuat|imposibil\w*)\b", r"\b(?:inca|intarzi\w*|amanat\w*)\b", ("livra",)),
    (r"\b(?:nije|nisu|ni|neuspes\w*)\b",
     r"\b(?:jos nije|jos uvijek|se ni|kasni|kasnj\w*|odgod\w*|zakasn\w*|zamuj\w*)\b",
     ("isporuc", "dostav", "uruce")),
    (r"\b(?:не|невозможно|неможливо|ошибка|помилка)\b",
     r"\b(?:(?:еще|ще|пока|все еще|все още) не|задерж\w*|отложен\w*|затрим\w*|забав\w*)\b",
     ("доставлен", "доставит", "доставк", "доставен", "вручен")),
    (r"\b(?:отклонен\w*|отвергнут\w*|заблокирован\w*)\b", r"\b(?:задерж\w*|отложен\w*)\b", ("сообщени", "письмо")),
    (r"\b(?:ne\w*|nav)\b", r"\b(?:dar ne\w*|vel nav|veluo\w*|velav\w*|aizkav\w*)\b", ("pristaty", "piegad")),
    (r"\b(?:δεν|αποτυχια|απετυχε|αδυνα\w*)\b", r"\b(?:ακομη|ακομα|καθυστερ\w*)\b", ("παραδο", "παραδω")),
    ("(?:emedi|amadi|emiyor|ememekte)", r"\b(?:henuz|gecik\w*|ertelen\w*)\b", ("teslim", "iletil", "gonderil")),
    (r"(?:لم|تعذر|فشل|لا يمكن|يتعذر)\b", "(?:بعد|تأخر|تأخير|مؤجل)", ("تسليم", "توصيل")),
    (r"(?:نشد|ناموفق|امکان)", "(?:هنوز|تاخیر|تأخیر)", ("تحویل", "ارسال")),
    (r"\b(?:לא|נכשל\w*)\b", r"(?:עדיין|טרם|עיכוב|מתעכב)", ("נמסר", "למסור", "מסיר")),
    ("नहीं|विफल|असफल", "अभी तक|विलंब|देरी", ("वितरित", "डिलीवर", "वितरण")),
    ("ませ|不能|失敗|不可", "遅延|遅れ", ("配信", "配送", "送達", "届け")),
    ("无法|無法|未能|失败|失敗|不成功", "尚未|还未|還未|暂未|暫未|延迟|延遲|延误|延誤",
     ("投递", "投遞", "送达", "送達", "递送", "遞送", "传递", "傳遞")),
    ("못|않|없|실패", "아직|지연", ("전송", "배달", "전달", "배송")),
    ("ไม่|ล้มเหลว", "ยังไม่|ล่าช้า", ("จัดส่ง", "ส่งอีเมล", "ส่งถึง", "ส่งข้อความ", "ส่งจดหมาย")),
    (r"\b(?:khong|that bai)\b", r"\b(?:chua|tri hoan)\b", ("chuyen thu", "gui thu", "gui toi", "gui den")),
    (r"\b(?:tidak|gagal)\b", r"\b(?:belum|tertunda|ditunda)\b",
     ("terkirim", "dikirim", "pengiriman", "dihantar", "disampaikan")),
)  # fmt: skip
"""Words for "not", for "not yet", and for delivery. One of the first two in one sentence with delivery, in any order,
says that a mail was not delivered, or that it will be tried again."""

YOUR_MAIL = (
    "you sent", "sent by you", "you have sent", "you recently sent", "your message", "your mail", "your email",
    "your e-mail", "from your address", "ihre nachricht", "ihre mail", "ihre e-mail", "von ihnen ge", "votre message",
    "votre courriel", "votre e-mail", "votre mail", "su mensaje", "tu mensaje", "su correo", "sua mensagem",
    "seu e-mail", "suo messaggio", "tuo messaggio", "uw bericht", "uw e-mail", "ditt meddelande", "din besked",
    "meldingen din", "viestisi", "twoja wiadomosc", "panstwa wiadomosc", "vase zprav", "vasa sprav", "uzenete",
    "ваше сообщение", "ваше письмо", "iletiniz", "mesajiniz", "送信した", "送信された", "お送り", "您发送", "您的邮件",
    "您的郵件", "您寄", "보내신", "보낸 메일",
)  # fmt: skip
"""Says to the reader that it is about the reader's own mail."""

LISTING = (
    "delivery to the following", "delivery to these", "following recipient", "following address",
    "following destination", "these recipients", "folgende empfanger", "folgenden empfanger", "destinataires suivants",
    "adresses suivantes", "adresse suivante", "nastepujacych adresatow", "nastepujacych odbiorcow",
    "siguientes destinatarios", "seguintes destinatarios", "seguenti destinatari", "volgende geadresseerden",
    "volgende ontvangers", "foljande mottagare", "folgende modtagere", "folgende mottakere", "следующим получателям",
    "следующим адресатам",
)  # fmt: skip
"""Announces addresses: of failed recipients, unless the text speaks of success."""

SUCCESS = (
    "(delivered to", "addresses was successful", "recipients was successful", "groups is complete", "were delivered",
    "was successfully delivered", "been successfully delivered", "successfully delivered to",
    "was delivered to the following", "has been delivered to", "delivery has been successful",
    "delivered successfully", "successful delivery", "successfully relayed", "was relayed", "were relayed",
    "has been relayed", "relayed to non-dsn-aware", "relayed via non dsn", "erfolgreich zugestellt", "a ete remis aux",
    "ont ete remis", "se ha entregado correctamente", "entregado con exito", "foi entregue com exito",
    "entregue com sucesso", "e stato consegnato", "consegnato correttamente", "успешно доставлен",
)  # fmt: skip
"""Says that a mail was delivered, or handed to a system that reports no further."""

UNKNOWN = (
    "not defined", "not found", "not exist", "unknown", "not known", "invalid", "not listed", "not valid", "no such",
    "been postponed", "delayed", "no account", "denied", "unbekannt", "existiert nicht", "deaktiviert", "inconnu",
    "n'existe pas", "desconocid", "desconhecid", "no existe", "nao existe", "sconosciut", "non esiste", "onbekend",
    "okand", "ukendt", "ukjent", "sparrat", "tuntematon", "nieznan", "nie istnieje", "neexist", "неизвест",
    "не существует", "не найден", "不存在", "存在しま",
)  # fmt: skip
"""Says what may be wrong with an address: useful if a failure notice names only one."""

FINAL = (
    "given up", "giving up", "gave up", "no further attempt", "will be deleted from queue", "too long in the queue",
    "in the queue too long", "not be retried", "no longer try", "not continue trying", "no longer be tried",
    "stopped trying", "not try any longer", "not try any more",
    "keine weiteren", "aufgegeben", "abandonn", "plus de nouvelle tentative", "no se haran mas",
    "no se realizaran mas", "nao havera nova", "nao serao feitas", "nessun ulteriore", "nessun altro tentativo",
    "geen verdere pogingen", "inga fler forsok", "ikke flere forsog", "ei yriteta uudelleen", "kolejnych prob nie",
    "nie beda podejmowane", "больше не будут", "больше не будет", "прекращены", "再送は行", "配信を中止", "配信を断念",
    "不再尝试", "不再重试", "放弃投递", "더 이상",
)  # fmt: skip
"""Says that nothing will be tried again."""

PERMANENT = ("permanent", "endgultig", "definitiv", "окончательн")
"""Says so too, unless it describes what happens when all further tries fail."""

TEMPORARY = ("temporary problem", "transient", "temporarily", "vorubergehend", "temporaire", "временн")
"""Says for some of several addresses that it will be tried again."""

RETRY = (
    "will keep trying", "no action is required", "do not need to resend", "not need to resend", "do not resend",
    "will retry", "will be retried", "be retried", "still being retried", "attempts will continue",
    "deliver the message will continue", "not been delivered yet", "not been delivered, yet",
    "will continue to be", "transient non-fatal", "there was a temporary problem", "ein vorubergehendes problem",
    "un probleme temporaire", "un problema temporal", "un problema temporaneo", "um problema temporario",
    "временная проблема", "continue to try", "continue trying", "continues to try", "try again later for",
    "warning message only", "a warning only", "just a warning", "advisory-only", "delivery incomplete",
    "not yet been deliver", "has been delayed", "is delayed", "been postponed", "still undelivered",
    "delays in delivering", "will keep attempting", "we'll keep trying", "gmail will retry", "noch nicht zugestellt",
    "zustellversuche", "nouvelle tentative", "nouvelles tentatives", "pas encore ete", "se seguira intentando",
    "nova tentativa", "novas tentativas", "ulteriori tentativi", "zal opnieuw worden geprobeerd", "kolejne proby",
    "повторные попытки", "повторная попытка", "再送を試みます", "再送します", "再試行します", "再試行され", "再試行中",
    "将稍后重试", "продолжит попытки", "попытки доставки", "weiterhin versuch", "versuchen es weiterhin",
    "versucht es weiterhin", "versucht weiterhin", "weiterhin zuzustellen", "jeszcze dostarcz", "ponawia",
    "nog niet bezorgd", "nog niet afgeleverd", "todavia no se ha", "ainda nao foi entregue", "non e ancora stat",
    "annu inte lever", "endnu ikke lever", "dosud nebyl", "еще не доставлен", "пока не доставлен",
    "系统会继续", "系统将继续", "将继续尝试", "再送信を試みます",
    "다시 시도합니다", "다시 시도할 ", "다시 시도됩", "재시도합니다", "재시도할 ", "재시도됩", "재시도 중",
    "keep on trying", "will try again", "will be tried again", "another attempt", "further attempts will",
    "still queued", "no need to resend", "need not resend", "need not send it again", "seguiremos intentando",
    "nuevos intentos", "nuovi tentativi", "verra ritentat", "continuara tentando", "blijven het proberen",
    "opnieuw geprobeerd", "ytterligare forsok", "fortsatter forsoka", "fortsatter att forsoka", "yderligere forsog",
    "nye forsog", "nye forsok", "yritamme uudelleen", "yritetaan uudelleen", "ponowne proby", "ponowimy",
    "dalsi pokus", "tovabb probalkoz", "ujra megprobal", "va reincerca", "noi incercari",
    "only a temporary failure", "temporary failure report", "could not send for past", "could not send for the past",
    "denemeleri surecek", "yeniden denenecek", "tekrar denenecek",
)  # fmt: skip
"""Says that it will be tried again."""

_RECIPIENT = (
    "recipient", "recipients", "failed recipient", "failed recipient(s)", "failed recipients", "recipient(s)",
    "addressed to", "rcpt to", "rcpt", "intended recipient", "intended recipients", "undeliverable address",
    "error-for", "error for", "recipient address", "recipient's address", "failed address", "failed addresses",
    "recipient of the message", "recipients of the message", "message recipient", "message sent to",
    "failed to", "target mail address", "original recipient", "final recipient", "envelope recipient", "envelope-to",
    "envelope to", "could not be delivered to", "not delivered to", "undeliverable to", "undelivered to",
    "delivery failed", "delivery failure", "delivery to", "bounced address", "mail address", "destination",
    "failed email", "failed e-mail", "failed mailbox", "your message to", "message to", "undeliverable recipient",
    "rejected recipient", "bad address", "empfanger", "empfangeradresse", "empfanger-adresse", "adressat",
    "zieladresse", "destinataire", "destinataires", "adresse du destinataire", "destinatario", "destinatarios",
    "destinatari", "direccion del destinatario", "endereco do destinatario", "indirizzo del destinatario",
    "ontvanger", "ontvangers", "geadresseerde", "mottagare", "modtager", "mottaker", "vastaanottaja", "odbiorca",
    "adresat", "adres odbiorcy", "prijemce", "prijemca", "cimzett", "destinatar", "получатель", "получатели",
    "адресат", "адрес получателя", "одержувач", "получател", "παραληπτης", "alici", "נמען", "المستلم", "宛先",
    "受取人", "受信者", "受信者アドレス", "送信先", "宛先アドレス", "収件人", "收件人", "收件人地址", "收信人",
    "收件者", "받는 사람", "받는사람", "수신자", "수신인", "nguoi nhan", "ผู้รับ", "penerima",
)  # fmt: skip
"""Labels before an address that failed."""

_SENDER = (
    "from", "sender", "original sender", "envelope sender", "mail from", "mailfrom", "sender address", "reply-to",
    "reply to", "return-path", "return path", "cc", "bcc", "message-id", "message id", "in-reply-to", "references",
    "originator", "author", "postmaster", "contact", "support", "help", "help desk", "helpdesk", "administrator",
    "for help", "for assistance", "by", "x-sender", "errors-to", "absender", "von", "antwort an", "expediteur", "de",
    "remitente", "remetente", "mittente", "da", "afzender", "van", "avsandare", "afsender", "avsender", "fra", "fran",
    "lahettaja", "nadawca", "od", "odesilatel", "felado", "отправитель", "от", "от кого", "відправник", "gonderen",
    "差出人", "送信者", "送信元", "发件人", "發件人", "寄件者", "보낸 사람", "보낸사람", "발신자", "nguoi gui",
    "pengirim", "generated from", "expanded from", "date", "subject", "subject of the message",
)  # fmt: skip
"""Labels before an address that takes part but has not failed."""

_REASON = (
    "reason", "reasons", "error", "errors", "error text", "error-text", "error message", "error description",
    "error type", "because", "car", "debido a", "weil", "perche", "porque", "omdat", "poniewaz", "diagnostic",
    "diagnostic code", "diagnostic-code", "diagnostics", "details", "explanation", "response", "status",
    "failure reason", "failure reasons", "non-delivered information", "reject reason", "bounce reason",
    "server message", "remote server replied", "remote host said", "server response", "the response was",
    "the error was", "it responded as follows", "smtp error", "grund", "ursache", "fehler", "fehlermeldung",
    "fehlerbeschreibung", "begrundung", "raison", "motif", "erreur", "cause", "motivo", "razon", "causa", "razao",
    "errore", "erro", "reden", "oorzaak", "orsak", "arsag", "fout", "syy", "przyczyna", "powod", "duvod", "dovod",
    "hiba", "причина", "ошибка", "помилка", "αιτια", "neden", "סיבה", "السبب", "理由", "原因", "エラー", "エラー内容",
    "退信原因", "失败原因", "退回原因", "英文说明", "错误信息", "result", "detail", "description",
    "hata", "ok", "razlog", "priezastis", "iemesls", "pohjus", "دلیل", "कारण", "สาเหตุ",
    "이유", "원인", "사유", "ly do", "alasan",
)  # fmt: skip
"""Labels before the words that say why."""

REASON_ENDS = (
    " reason", " reasons", " reason(s)", " error", " errors", " failure", " reply", " response", " because", " details",
)
"""Ends of longer labels of that kind: "for the following reason", "technical details of permanent failure"."""

REASON_STARTS = ("error ", "reason ", "the error ", "the reason ", "response ", "the response ")
"""Beginnings of labels with nothing after them on their line: "Error during the last delivery attempt"."""

_HELP = (
    "contact", "for help", "for assistance", "for further assistance", "questions", "support", "helpdesk",
    "help desk", "abuse", "get in touch", "write to", "report this", "send mail to", "send an email to",
    "send an e-mail to", "forward this", "please reply", "reply to", "wenden sie sich", "kontakt", "contactez",
    "contacter", "contacte", "pongase en contacto", "entre em contato", "contattare", "contattate", "neem contact",
    "kontakta", "kontaktuj", "обратитесь", "свяжитесь", "お問い合わせ", "ご連絡", "联系", "聯絡", "문의",
)  # fmt: skip
"""Introduces an address that gives help."""

SENTENCE = 80
"""How many characters of a sentence before and after a word for delivery are searched for a denial."""

MAX_STEMS = 50  # how many words for delivery are examined in one text
_BLANKS = re.compile(r"\s+")
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "’": "'"})
"""Letters that Unicode does not decompose into a letter and an accent."""
_NO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_SHAPES = str.maketrans("＜＞＠：\u00a0\u3000", "<>@:  ", _NO_WIDTH)


def folded(text: str) -> str:
    """Returns `text` in the form in which phrases are compared: no case, no accents, single blanks."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text.translate(_SHAPES).casefold().translate(_LETTERS))
        text = unicodedata.normalize("NFC", "".join(c for c in decomposed if not unicodedata.combining(c)))
    return _BLANKS.sub(" ", text.lower()).strip()


def plain_shapes(text: str) -> str:
    """Turns full-width brackets, colons and at signs into ASCII, and removes zero-width characters."""
    return text if text.isascii() else text.translate(_SHAPES)


@lru_cache(maxsize=64)  # more than there are tables of phrases: to build one takes longer than to read a mail
def _finder(phrases: tuple[str, ...]) -> AhoCorasick:
    return AhoCorasick([folded(phrase) for phrase in phrases])


def says(text: str, phrases: tuple[str, ...]) -> bool:
    """Checks whether the folded `text` contains any of `phrases`."""
    return bool(_finder(phrases).find_matches_as_indexes(text))


def states_failure(text: str) -> bool:
    """Checks whether the folded `text` says that something was not delivered, or not yet."""
    return says(text, FAILURE) or (says(text, LISTING) and not says(text, SUCCESS)) or _of_delivery(text, _DENIALS)


def states_retry(text: str) -> bool:
    """Checks whether the folded `text` says that something was not delivered yet, and will be tried again."""
    return says(text, RETRY) or _of_delivery(text, _DELAYS)


def _of_delivery(text: str, said: tuple[re.Pattern[str], ...]) -> bool:
    """Checks whether a word for delivery and its pattern in `said`, by language, are in one sentence."""
    for stem, start, end in islice(_finder(_STEMS).find_matches_as_indexes(text), MAX_STEMS):
        before = _SENTENCE_END.split(text[max(0, start - SENTENCE) : start])[-1]
        behind = _SENTENCE_END.split(text[end : end + SENTENCE], maxsplit=1)[0]
        if said[stem].search(before + text[start:end] + behind):
            return True
    return False


def states_success(text: str) -> bool:
    """Checks whether the folded `text` says that something was delivered, and reports no failure."""
    return says(text, SUCCESS) and not states_failure(text)


def offers_help(text: str) -> bool:
    """Checks whether the folded `text` says whom to ask.

    A host that could not be contacted is no such contact, and `contact@example.org` may be who has failed.
    """
    return says(_ADDRESS.sub("", text).replace("contacted", ""), _HELP)


_STEMS = tuple(stem for *_, stems in UNDELIVERED for stem in stems)
_DENIALS = tuple(re.compile(folded(f"{no}|{not_yet}")) for no, not_yet, stems in UNDELIVERED for _ in stems)
_DELAYS = tuple(re.compile(folded(not_yet)) for _, not_yet, stems in UNDELIVERED for _ in stems)
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,250}")
_SENTENCE_END = re.compile(r"[.!?](?= |$)|[。！？।]")

RECIPIENT_LABELS = frozenset(map(folded, _RECIPIENT))
SENDER_LABELS = frozenset(map(folded, _SENDER))
REASON_LABELS = frozenset(map(folded, _REASON))
