"""The phrases of automatic answers, challenges and opt-outs in many languages. Phrases are compared folded."""

ANSWER_SUBJECTS = (
    "auto reply", "auto-reply", "autoreply", "auto response", "auto-response", "autoresponse", "auto respons",
    "automatic reply", "automatic response", "automatic answer", "automatic message: out of", "automated reply",
    "automated response", "auto:", "yahoo! auto response", "out of office", "out of the office", "out-of-office",
    "ooo:", "oof:", "ooto:", "vacation reply", "vacation response", "vacation message", "vacation:", "away message",
    "away from the office", "away from my office", "away from my mail", "away from my desk",
    "i am out of the office", "i'm out of the office", "i am away", "i am on leave", "i am on vacation",
    "on leave:", "on vacation:",
    # German, Dutch
    "automatische antwort", "auto-antwort", "autoantwort", "automatische ruckantwort",
    "automatische empfangsbestatigung", "abwesenheitsnotiz", "abwesenheitsmeldung", "abwesenheitsnachricht",
    "abwesenheitsassistent", "abwesenheit", "abwesend", "ich bin nicht im buro", "nicht im buro", "außer haus",
    "ausser haus", "urlaubsmeldung", "automatisch antwoord", "automatische beantwoording", "automatisch bericht",
    "afwezig", "niet aanwezig", "ik ben afwezig", "niet op kantoor",
    # French
    "reponse automatique", "reponse d'absence", "absence du bureau", "message d'absence", "absent du bureau",
    "absente du bureau", "notification d'absence", "avis d'absence", "hors du bureau", "je suis absent",
    # Spanish, Portuguese, Italian, Catalan, Romanian
    "respuesta automatica", "contestacion automatica", "autorespuesta", "fuera de la oficina", "fuera de oficina",
    "mensaje de ausencia", "estoy fuera", "resposta automatica", "auto-resposta", "autoresposta",
    "fora do escritorio", "fora da oficina", "ausencia do escritorio", "mensagem de ausencia",
    "mensagem automatica: ausen", "risposta automatica", "risponditore automatico", "fuori sede", "fuori ufficio",
    "sono fuori ufficio", "messaggio di assenza", "fora de l'oficina", "raspuns automat", "mesaj automat: absen",
    # the North
    "automatiskt svar", "automatisk svar", "autosvar", "franvaromeddelande", "franvaro", "franvarande",
    "fraværsmeddelelse", "fraværsmelding", "fravær", "ikke til stede", "ikke på kontoret", "ikke pa kontoret",
    "ute av kontoret", "ude af kontoret", "automaattinen vastaus", "automaattivastaus", "poissaoloviesti",
    "poissaolo", "poissa toimistosta", "olen poissa", "poissa:", "sjalfvirkt svar", "automaatvastus",
    "automatiska atbilde",
    "automatinis atsakymas",
    # Central and Eastern Europe
    "odpowiedz automatyczna", "automatyczna odpowiedz", "autoodpowiedz", "nieobecnosc", "poza biurem",
    "jestem poza biurem", "automaticka odpoved", "mimo kancelar", "nepritomnost", "automatikus valasz",
    "hazon kivul", "irodan kivul", "automatski odgovor", "samodejni odgovor", "odsotnost", "автоматический ответ",
    "автоответ", "автоматически ответ", "ответ автоматически", "отсутствую", "нет на месте",
    "автоматична відповідь", "автовідповідь", "автоматичен отговор", "автоматски одговор", "αυτοματη απαντηση",
    "εκτος γραφειου", "απουσια απο το γραφειο", "otomatik yanıt", "otomatik yanit", "otomatik cevap",
    "ofis dısında", "ofis dışında",
    # the rest of Asia
    "תשובה אוטומטית", "מענה אוטומטי", "מחוץ למשרד", "رد تلقائي", "الرد التلقائي", "خارج المكتب", "پاسخ خودکار",
    "自動応答", "自動返信", "不在通知", "不在のお知らせ", "不在連絡", "自动答复", "自动回复", "外出自动",
    "自動回覆", "外出:", "자동 회신", "자동회신", "자동 응답", "자동응답", "부재중", "부재 중", "tra loi tu đong",
    "tu đong tra loi", "ngoai van phong", "vang mat:", "ตอบกลับอัตโนมัติ", "balasan otomatis", "jawaban otomatis",
    "balas otomatis", "di luar kantor", "balasan automatik",
)  # fmt: skip
"""Beginnings of subjects that programs write for an absent person: sufficient proof."""

ABSENT_SUBJECTS = (
    "out of office", "out of the office", "out-of-office", "auto-reply", "autoreply", "automatic reply",
    "on vacation", "on holiday", "on leave", "annual leave", "parental leave", "maternity leave", "vacation notice",
    "away until", "no longer at ", "no longer with ", "no longer work", "new email address", "new e-mail address",
    "change of email", "email address has changed", "im urlaub", "abwesend", "nicht im haus", "nicht erreichbar",
    "neue e-mail-adresse", "neue mailadresse", "elternzeit", "en conge", "de conge", "en vacances",
    "nouvelle adresse", "de vacaciones", "ausencia", "ausente", "de ferias", "in ferie", "pa ferie", "på ferie",
    "assenza", "vakantie", "pa semester", "semesterledig", "lomalla", "na urlopie", "urlop", "dovolena",
    "dovolenka", "szabadsag", "concediu", "отпуск", "відпустк", "αδεια", "izinde", "חופשה", "إجازة", "休暇", "休假",
    "휴가", "nghi phep", "sedang cuti",
)  # fmt: skip
"""Words in a subject that people write too: they count only if a machine is known to have written."""

ABSENCE = (
    "out of the office", "out of office", "on vacation", "on annual leave", "on leave", "on holiday",
    "parental leave", "maternity leave", "paternity leave", "on sick leave", "on a business trip",
    "away from my desk", "away from the office", "currently away", "limited access to my email",
    "limited access to e-mail", "limited access to email", "no access to my email", "no access to email",
    "will reply as soon as", "will respond as soon as", "upon my return", "on my return", "when i return",
    "when i am back", "when i get back", "until i return", "automated reply", "automatic reply",
    "automated response", "automatic response", "auto-reply", "autoreply", "auto reply", "autoresponder",
    "no longer work", "no longer with ", "no longer employed", "no longer at ", "no longer part of",
    "left the company", "has left the", "left the organi", "have left the", "i have retired", "has retired",
    "new email address", "new e-mail address", "changed my email", "changed my e-mail", "email address has changed",
    "no longer monitored", "is not monitored", "not being monitored", "unmonitored", "unattended mailbox",
    "no longer in use", "no longer used", "will not be read", "not be reading my mail",
    # German, Dutch
    "nicht im buro", "nicht im hause", "nicht im haus", "außer haus", "ausser haus", "im urlaub", "in urlaub",
    "abwesend", "abwesenheit", "nicht erreichbar", "elternzeit", "wieder erreichbar", "automatische antwort",
    "automatisch generierte antwort", "nicht mehr im unternehmen", "nicht mehr fur ", "nicht mehr bei ",
    "nicht mehr tatig", "nicht langer bei ", "unternehmen verlassen", "ausgeschieden", "im ruhestand",
    "neue e-mail-adresse", "neue mailadresse", "nicht weitergeleitet", "wird nicht gelesen", "nicht mehr gelesen",
    "nicht mehr genutzt", "afwezig", "niet op kantoor", "met vakantie", "op vakantie", "met verlof",
    "niet meer werkzaam", "niet langer werkzaam", "automatisch antwoord", "nieuwe e-mailadres",
    # French
    "absent du bureau", "absente du bureau", "je suis absent", "je serai absent", "actuellement absent", "en conge",
    "en vacances", "de retour le", "a mon retour", "reponse automatique", "ne fait plus partie",
    "ne travaille plus", "a quitte", "j'ai quitte", "nouvelle adresse", "n'est plus utilisee",
    "n'est pas consultee",
    # Spanish, Portuguese, Italian, Catalan, Romanian
    "fuera de la oficina", "fuera de oficina", "de vacaciones", "estare ausente", "estoy ausente",
    "respuesta automatica", "ya no trabaja", "ya no labora", "no trabaja mas", "mi nueva direccion",
    "nueva direccion de correo", "fora do escritorio", "de ferias", "estarei ausente", "estou ausente",
    "resposta automatica", "ja nao trabalha", "nao trabalha mais", "mais faz parte", "novo endereco", "novo e-mail",
    "fuori ufficio", "fuori sede", "in ferie", "sono assente", "saro assente", "risposta automatica",
    "non lavora piu", "non fa piu parte", "nuovo indirizzo", "al mio rientro", "fora de l'oficina", "de vacances",
    "in concediu", "nu mai lucreaza", "raspuns automat", "lipsesc din birou", "nu sunt la birou",
    # the North
    "inte på kontoret", "inte pa kontoret", "pa semester", "har semester", "ar franvarande", "automatiskt svar",
    "har slutat", "slutat pa ", "arbetar inte langre", "jobbar inte langre", "ikke på kontoret", "ikke pa kontoret",
    "på ferie", "pa ferie", "holder ferie", "har ferie", "automatisk svar", "er fratrådt", "er fratradt",
    "jobber ikke lenger", "arbejder ikke længere", "har sluttet", "poissa toimistosta", "olen lomalla",
    "olen poissa", "vuosilomalla", "automaattinen vastaus", "ei ole enaa", "ei tyoskentele enaa",
    # Central and Eastern Europe
    "poza biurem", "na urlopie", "jestem nieobecn", "nieobecny", "nieobecna", "automatyczna odpowiedz",
    "nie pracuje juz", "juz nie pracuje", "mimo kancelar", "na dovolene", "automaticka odpoved", "jiz nepracuje",
    "uz nepracuje", "na dovolenke", "mimo kancelarie", "szabadsagon", "hazon kivul", "irodan kivul",
    "automatikus valasz", "mar nem dolgozik", "na godisnjem odmoru", "izvan ureda", "automatski odgovor",
    "na dopustu", "в отпуске", "отсутствую", "автоматический ответ", "автоответ", "больше не работает",
    "не работает в компании", "уволил", "у відпустці", "відсутн", "більше не працює", "автоматична відповідь",
    "в отпуск", "извън офиса", "вече не работи", "εκτος γραφειου", "σε αδεια", "αυτοματη απαντηση", "δεν εργαζεται",
    "ofis dışında", "ofis dısında", "izindeyim", "yıllık izin", "yillik izin", "tatildeyim",
    "artık çalısmamaktadır", "artik calismamaktadir", "otomatik yanıt", "otomatik yanit",
    # the rest of Asia
    "בחופשה", "מחוץ למשרד", "לא נמצא במשרד", "תשובה אוטומטית", "אינו עובד", "خارج المكتب", "في إجازة", "رد تلقائي",
    "لم يعد يعمل", "休暇", "不在にして", "不在です", "不在のため", "自動返信", "自動応答", "自動送信", "退職",
    "異動", "アドレスが変更", "アドレスを変更", "休假", "外出", "出差", "自动回复", "自动答复", "自動回覆",
    "不在办公室", "已离职", "离职", "离开公司", "已離職", "휴가", "부재중", "출장", "자동 회신", "자동 응답",
    "퇴사", "퇴직", "nghi phep", "vang mat", "tra loi tu đong", "tu đong tra loi", "khong con lam viec",
    "sedang cuti", "di luar kantor", "balasan otomatis", "sudah tidak bekerja", "tidak lagi bekerja", "ลาพักร้อน",
    "ไม่อยู่ที่สำนักงาน", "ตอบกลับอัตโนมัติ",
)  # fmt: skip
"""What an absent or departed person says, or a mailbox that nobody reads."""

AWAY = (
    "out of the office", "out of office", "on vacation", "on annual leave", "on holiday until", "parental leave",
    "maternity leave", "limited access to my e", "upon my return", "when i return", "when i am back", "until i return",
    "nicht im buro", "im urlaub", "abwesend", "wieder erreichbar", "niet op kantoor", "met vakantie", "op vakantie",
    "absent du bureau", "absente du bureau", "je suis absent", "je serai absent", "de retour le", "a mon retour",
    "fuera de la oficina", "estare ausente", "estoy ausente", "fora do escritorio", "estarei ausente", "fuori ufficio",
    "saro assente", "al mio rientro", "pa semester", "inte pa kontoret", "ikke pa kontoret", "poza biurem",
    "na urlopie", "mimo kancelar", "na dovolene", "szabadsagon", "в отпуске", "у відпустці", "ofis dışında",
    "has left the company", "has left the organi", "no longer work at", "no longer work for",
    "no longer employed", "no longer with the", "is not monitored", "mailbox is unattended",
    "unternehmen verlassen", "nicht mehr im unternehmen", "nicht mehr verwendet", "nicht mehr genutzt",
    "automatisch erzeugt", "automatisch generiert", "ne travaille plus", "a quitte la societe", "a quitte l'entreprise",
    "ya no trabaja", "ja nao trabalha", "nao trabalha mais", "non lavora piu", "niet meer werkzaam", "nie pracuje juz",
    "больше не работает",
    "izindeyim", "休暇", "不在にして", "休假", "不在办公室", "휴가", "부재중",
)  # fmt: skip
"""What somebody says who is away for a time: enough in an answer that has no mark at all."""

RECEIVED = (
    "we have received your", "we received your", "has been received", "we've received your",
    "thank you for contacting", "thanks for contacting", "thank you for your message", "thank you for your email",
    "thank you for your e-mail", "thank you for your mail", "thank you for your inquiry",
    "thank you for your enquiry", "a ticket has been", "ticket number", "your ticket", "assigned ticket",
    "request has been created", "has been assigned", "will get back to you", "wir haben ihre",
    "ist bei uns eingegangen", "vielen dank fur ihre", "nous avons bien recu", "merci de nous avoir contact",
    "nous accusons reception", "hemos recibido su", "hemos recibido tu", "gracias por contactar", "recebemos sua",
    "recebemos o seu", "recebemos a sua", "abbiamo ricevuto", "wij hebben uw", "we hebben uw", "vi har mottagit",
    "vi har modtaget", "vi har mottatt", "olemme vastaanottaneet", "otrzymalismy", "obdrzeli jsme", "megkaptuk",
    "am primit", "ваше обращение", "ваш запрос", "ми отримали", "мы получили", "elımıze ulasmıstır",
    "お問い合わせいただき",
    "受け付けました", "受付いたしました", "我们已收到", "已收到您", "접수되", "접수 되",
)  # fmt: skip
"""What help desks and forms answer about the sender's mail: counts only if a machine is known to have written."""

OPT_OUT = (
    "unsubscribe", "unsubscribed", "please unsubscribe", "opt out", "opt-out", "optout", "remove me", "remove",
    "please remove me",
    "list-unsubscribe", "cancel subscription", "cancel my subscription", "abmelden", "abmeldung", "abbestellen",
    "abbestellung", "newsletter abmelden", "newsletter abbestellen", "austragen", "afmelden", "afmelding",
    "uitschrijven", "desabonner", "desabonnement", "desinscription", "desinscrire", "se desabonner",
    "me desabonner", "se desinscrire", "baja", "darse de baja", "darme de baja", "dar de baja",
    "cancelar suscripcion", "cancelar la suscripcion", "anular suscripcion", "cancelar inscricao",
    "cancelar subscricao", "cancelar assinatura", "descadastrar", "remover", "disiscrivi", "disiscrizione",
    "cancellami", "cancella iscrizione", "cancellazione", "annulla iscrizione", "avregistrera", "avregistrering",
    "avanmalan", "avsluta prenumeration", "avmeld", "avmelding", "frameld", "framelding", "afmeld", "peru tilaus",
    "peruuta tilaus", "wypisz", "wypisz mnie", "rezygnacja", "rezygnuje", "odhlasit", "odhlasit odber",
    "odhlasenie", "leiratkozas", "leiratkozom", "dezabonare", "dezaboneaza", "odjava", "отписаться", "отписка",
    "отпишите", "отказ от рассылки", "отказаться от рассылки", "відписатися", "відписка", "отпиши", "отписване",
    "διαγραφη", "απεγγραφη", "abonelikten cık", "abonelikten çık", "abonelik iptali", "הסר", "הסרה",
    "الغاء الاشتراك", "إلغاء الاشتراك", "配信停止", "配信停止希望", "購読解除", "登録解除", "配信解除", "退会",
    "退订", "取消订阅", "退訂", "取消訂閱", "구독 취소", "구독취소", "수신거부", "수신 거부", "huy đang ky",
    "ngung nhan tin", "berhenti berlangganan", "ยกเลิกการสมัคร",
)  # fmt: skip
"""Whole subjects, and whole first lines, of opt-outs."""

CHALLENGE = (
    "is holding the message you sent", "protected by bluebottle", "boxbe guest list", "spamarrest.com",
    "requires verification before", "require verification before", "confirm that you are a person",
    "confirm that you are human", "prove that you are human", "prove you are human",
    "verify that you are a real person", "confirm that you are a real person", "you are a real person",
    "not a spammer", "click on the link below to confirm your message",
    "release your message", "to have your message delivered", "to have your email delivered",
    "to ensure delivery of your", "added to my approved sender", "added to my list of", "add yourself to my",
    "approved senders list", "allowed sender list", "server requires confirmation",
    "requires confirmation that you", "your message is being held",
    "message has been held until", "has been placed on hold", "placed in a holding area", "is being held until you",
    "authenticate yourself", "identify yourself as a", "anti-spam system requires",
    "challenge-response", "challenge/response", "mailinblack", "mail in black", "authentifier une seule fois",
    "n'etes pas un robot", "confirmer votre message", "valider votre message", "tira-teima",
    "antispam uol", "confirme seu envio", "confirmar o envio", "confirme o envio", "confirme su envio",
    "confirmar su mensaje", "bestatigen sie, dass sie", "bestatigen sie bitte, dass sie", "kein spam-versender",
    "complete the following challenge", "permission-based email filter", "permission-based e-mail filter",
    "verify yourself as a", "merci de vous authentifier", "authentification requise", "zugestellt, sobald sie",
    "entregado cuando confirme", "consegnato non appena", "confermare il messaggio", "confermi di essere",
    "подтвердите, что вы", "подтвердите отправку",
)  # fmt: skip
"""What challenge-response systems ask of a stranger."""
